//! Links do what they are told.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use verbund_testbed::{Site, Testbed};

use crate::containers::{deployment, is_available};
use crate::sockets::{LONG, Line, SHORT, arrived, datagrams, echo};

/// A cut link carries nothing, in either direction and for what was open; a mended one carries also what waited.
pub async fn are_cut_and_mended(testbed: &Testbed, mitte: &Site, nord: &Site) -> Result<()> {
    let (at_mitte, at_nord) = (echo(mitte)?, echo(nord)?);
    let mut open = Line::open(mitte, at_nord, LONG)?;
    open.send(b'1')?;
    ensure!(open.receive(LONG)? == b'1', "a whole link must carry");
    Line::open(nord, at_mitte, LONG)?;

    testbed.cut("mitte", "nord")?;
    ensure!(Line::open(mitte, at_nord, SHORT).is_err(), "a cut link carried a new connection");
    ensure!(Line::open(nord, at_mitte, SHORT).is_err(), "a cut link carried one the other way");
    open.send(b'2')?;
    ensure!(open.receive(SHORT).is_err(), "a cut link carried an old connection");
    // Out of band: the machine still reaches both.
    for site in [mitte, nord] {
        site.kubectl(&["get", "--raw", "/readyz"]).await?;
    }

    testbed.mend("mitte", "nord")?;
    ensure!(open.receive(LONG)? == b'2', "what waited must arrive");
    testbed.cut_off("nord")?;
    ensure!(Line::open(mitte, at_nord, SHORT).is_err(), "a site that is cut off was reached");
    testbed.heal()?;
    Line::open(mitte, at_nord, LONG)?;
    ensure!(testbed.cut("mitte", "elsewhere").is_err(), "a link to nowhere was cut");
    Ok(())
}

/// Loss is where it was asked for, as much as was asked for, and in no other direction.
pub async fn lose_in_one_direction(testbed: &Testbed, mitte: &Site, nord: &Site) -> Result<()> {
    let (a, b) = (datagrams(mitte)?, datagrams(nord)?);
    ensure!(arrived(&a, &b, 20, LONG)? == 20, "a whole link must carry");
    testbed.lose("mitte", "nord", 100.0)?;
    ensure!(arrived(&a, &b, 20, SHORT)? == 0, "everything was to be lost");
    ensure!(arrived(&b, &a, 20, LONG)? == 20, "the other direction was to stay whole");
    testbed.lose("mitte", "nord", 50.0)?;
    let half = arrived(&a, &b, 400, SHORT)?;
    // Of 400 fair coins, fewer than 120 or more than 280 heads come up less than once in 10^15 times.
    ensure!((120..=280).contains(&half), "of 400, {half} arrived");
    testbed.heal()?;
    ensure!(arrived(&a, &b, 20, LONG)? == 20, "a healed link must carry");
    Ok(())
}

/// A delayed link is slower for programs and pods, nobody notices the proxy, and a cut goes through it.
pub async fn are_delayed(testbed: &Testbed, mitte: &Site, nord: &Site) -> Result<()> {
    let at_nord = echo(nord)?;
    let delay = Duration::from_millis(150);
    let round_trip = |line: &mut Line| -> Result<Duration> {
        let start = Instant::now();
        line.send(b'x')?;
        line.receive(LONG)?;
        Ok(start.elapsed())
    };
    let mut fast = Line::open(mitte, at_nord, LONG)?;
    let fastest = (0..10).map(|_| round_trip(&mut fast)).collect::<Result<Vec<_>>>()?.into_iter().min();
    ensure!(fastest < Some(delay * 2), "without a delay, ten round trips took at least {fastest:?}");

    testbed.delay("mitte", "nord", delay)?;
    let mut slow = Line::open(mitte, at_nord, LONG)?;
    ensure!(slow.seen_as == mitte.address().to_string(), "the other side sees {}", slow.seen_as);
    let took = round_trip(&mut slow)?;
    ensure!(took >= delay * 2, "a round trip took only {took:?}");
    pods_are_delayed_too(mitte, nord, delay).await?;

    testbed.cut("mitte", "nord")?;
    slow.send(b'y')?;
    ensure!(slow.receive(delay * 2 + SHORT).is_err(), "the proxy leads around a cut");
    testbed.heal()?;
    ensure!(slow.receive(LONG)? == b'y', "what waited must arrive");
    testbed.delay("mitte", "nord", Duration::ZERO)?;
    Line::open(mitte, at_nord, LONG)?;
    Ok(())
}

async fn pods_are_delayed_too(mitte: &Site, nord: &Site, delay: Duration) -> Result<()> {
    let at_nord = echo(nord)?;
    mitte.apply(&deployment("caller", 1, "while :; do sleep 1 & wait; done")).await?;
    is_available(mitte, "caller").await?;
    let script = format!("nc -w 30 {} {} </dev/null", at_nord.ip(), at_nord.port());
    let start = Instant::now();
    let greeting = mitte.kubectl(&["exec", "deployment/caller", "--", "sh", "-c", &script]).await?;
    ensure!(greeting.trim() == mitte.address().to_string(), "a pod was greeted with {greeting:?}");
    ensure!(start.elapsed() >= delay * 2, "a pod was faster than the link");
    mitte.kubectl(&["delete", "deployment", "caller", "--wait=false"]).await.map(drop)
}
