//! The links between sites: cut, lossy, slow.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Testbed;
use crate::delay::Proxy;
use crate::network;
use crate::space::Space;
use crate::state::{Loss, State};

impl Testbed {
    /// Nothing passes between two sites any more, in either direction: packets vanish, nobody is told. What was open hangs.
    pub fn cut(&self, a: &str, b: &str) -> Result<()> {
        self.change(&[a, b], |state| {
            set_loss(state, a, b, 1000);
            set_loss(state, b, a, 1000);
        })
    }

    /// Nothing passes between a site and any other, also one that is started later. The machine itself still reaches it.
    pub fn cut_off(&self, site: &str) -> Result<()> {
        self.change(&[site], |state| {
            state.cut_off.insert(site.to_owned());
        })
    }

    /// This share of the packets from one site to another is lost, 0 to 100 percent; the other direction stays as it is.
    pub fn lose(&self, from: &str, to: &str, percent: f64) -> Result<()> {
        ensure!((0.0..=100.0).contains(&percent), "{percent} is no share: 0 to 100 percent can be lost");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 1000")]
        let permille = (percent * 10.0).round() as u16;
        self.change(&[from, to], |state| set_loss(state, from, to, permille))
    }

    /// TCP between two sites takes `one_way` longer in each direction, zero ends that. It concerns connections that are opened
    /// from now on (and later changes concern those); their handshake seems to end at once, but the first byte takes its time.
    pub fn delay(&self, a: &str, b: &str, one_way: Duration) -> Result<()> {
        for (here, there) in [(a, b), (b, a)] {
            let there = Space::of(&self.shared, there)?.address();
            let here = Space::of(&self.shared, here)?;
            let slot = self.slot();
            let mut proxies = self.lock_proxies();
            if !proxies.contains_key(here.name()) {
                proxies.insert(here.name().to_owned(), Proxy::start(here.clone(), slot)?);
            }
            proxies.get(here.name()).context("the proxy was just started")?.delay(there, one_way)?;
        }
        Ok(())
    }

    /// One link is whole again in both directions, as far as neither end is cut off.
    pub fn mend(&self, a: &str, b: &str) -> Result<()> {
        self.change(&[a, b], |state| {
            set_loss(state, a, b, 0);
            set_loss(state, b, a, 0);
        })
    }

    /// Takes back [`Testbed::cut_off`].
    pub fn reconnect(&self, site: &str) -> Result<()> {
        self.change(&[site], |state| {
            state.cut_off.remove(site);
        })
    }

    /// Every link is whole again and no site is cut off. Delays stay.
    pub fn heal(&self) -> Result<()> {
        self.change(&[], |state| {
            state.losses.clear();
            state.cut_off.clear();
        })
    }

    /// What is wrong with the links now, a line each, for people.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let state = self.state();
        let cut_off = state.cut_off.iter().map(|name| format!("{name} is cut off"));
        let share = |loss: &Loss| {
            format!("{} -> {} loses {} % of its packets", loss.from, loss.to, f64::from(loss.permille) / 10.0)
        };
        cut_off.chain(state.losses.iter().map(share)).collect()
    }

    fn change(&self, names: &[&str], change: impl FnOnce(&mut State)) -> Result<()> {
        let mut state = self.state();
        for name in names {
            ensure!(state.spaces.contains_key(*name), "the testbed has no site {name}");
        }
        let mut changed = state.clone();
        change(&mut changed);
        network::apply_losses(&changed)?;
        changed.save()?;
        *state = changed;
        Ok(())
    }
}

fn set_loss(state: &mut State, from: &str, to: &str, permille: u16) {
    state.losses.retain(|loss| loss.from != from || loss.to != to);
    if permille > 0 {
        state.losses.push(Loss { from: from.to_owned(), to: to.to_owned(), permille });
    }
}
