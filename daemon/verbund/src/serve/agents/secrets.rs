//! Opening sealed secrets for the agents of this site: the only place where a value is in clear in a daemon.

use std::sync::Arc;

use verbund_agent_core::{DesiredSecret, SecretContent, SecretText};
use verbund_keys::{Opener, open_secret, secret::Place};
use verbund_machine::{Held, State};
use verbund_model::resource::SealedSecret;
use verbund_model::{SecretName, SiteName, WorkloadName};

use crate::serve::start::waiting;

/// Opens what is sealed to this site.
pub struct Opening {
    opener: Arc<dyn Opener>,
    site: SiteName,
}

impl Opening {
    /// With the site's sealing key, wherever it is kept.
    pub fn new(opener: Arc<dyn Opener>, site: SiteName) -> Self {
        Self { opener, site }
    }

    /// The secret `name` of a workload, opened; `found` is what the state has of it, `before` what came out last time, so
    /// that a failure is said once.
    pub fn open(
        &self,
        state: &State,
        workload: &WorkloadName,
        name: &SecretName,
        found: Option<&Held<SealedSecret>>,
        before: Option<&DesiredSecret>,
    ) -> DesiredSecret {
        let Some(secret) = found else {
            let content = SecretContent::Closed { reason: "it was not sealed yet".to_owned() };
            return DesiredSecret { name: name.clone(), stamp: String::new(), content };
        };
        let place = Place::of(&state.federation().value.id, &secret.value);
        let opened = waiting(|| open_secret(&*self.opener, &self.site, &place, &secret.value.sealed));
        let content = match opened {
            Ok(values) => {
                tracing::info!(%workload, secret = %name, revision = place.revision, "opened a secret for its agent");
                let data = values.iter().map(|(key, value)| (key.to_owned(), SecretText::new(value))).collect();
                SecretContent::Opened { data }
            }
            Err(error) => SecretContent::Closed { reason: error.to_string() },
        };
        // Made anew under its name, it has another time of creation; sealed anew with the same values, the same stamp.
        let stamp = format!("{}-{}", secret.created, secret.value.values_since);
        let desired = DesiredSecret { name: name.clone(), stamp, content };
        if let SecretContent::Closed { reason } = &desired.content
            && before != Some(&desired)
        {
            tracing::warn!(%workload, secret = %name, %reason, "a secret does not open; it is tried again");
        }
        desired
    }
}
