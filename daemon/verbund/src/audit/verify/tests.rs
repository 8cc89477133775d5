//! A real federation of three sites, its true export, and what a forger could make of it.

mod world;

use verbund_identity::SignedHead;
use verbund_keys::Signer as _;

use super::*;
use crate::audit::format::{ExportWriter, MAGIC};
use world::{Memory, World};

fn check(export: &[u8], options: Options) -> Result<Report, Bad> {
    verify(export, &options, &Memory)
}

fn any() -> Options {
    Options::default()
}

/// The frames of an export: kind, begin, end, and the index of the last record up to and with it.
fn frames(export: &[u8]) -> Vec<(u8, usize, usize, u64)> {
    let (mut at, mut index, mut all) = (MAGIC.len(), 0, Vec::new());
    while at < export.len() {
        let length = u32::from_be_bytes(export[at + 1..at + 5].try_into().unwrap()) as usize;
        index += u64::from(export[at] == RECORD);
        all.push((export[at], at, at + 5 + length, index));
        at += 5 + length;
    }
    all
}

/// The same frames with a last one that fits.
fn resealed(frames: &[&[u8]]) -> Vec<u8> {
    let mut export = MAGIC.to_vec();
    frames.iter().for_each(|frame| export.extend_from_slice(frame));
    let digest = verbund_identity::sha256(&export);
    export.push(END);
    export.extend_from_slice(&32_u32.to_be_bytes());
    export.extend_from_slice(&digest.0);
    export
}

#[test]
fn the_true_export_is_accepted() {
    let world = World::shared();
    let export = world.export();
    let report = check(&export, Options { federation: Some(world.federation), at_least: Some(world.last()) }).unwrap();
    assert_eq!((report.federation, report.head), (world.federation, world.state.head()));
    assert_eq!(report.records, world.last());
    assert_eq!(report.anchored, Anchored::Genesis);
    assert_eq!((report.signed_by.len(), report.sites), (3, 3));
    assert!(report.dissent.is_empty());
    assert!(world.last() > 20, "the chain is long enough to mean something");
}

#[test]
fn another_federation_or_a_later_index_is_told_apart() {
    let world = World::shared();
    let export = world.export();
    let other = Options { federation: Some(FederationId::default()), at_least: None };
    assert!(matches!(check(&export, other), Err(Bad::Federation { .. })));
    let later = Options { federation: None, at_least: Some(world.last() + 1) };
    assert_eq!(check(&export, later), Err(Bad::TooShort { ends: world.last(), wanted: world.last() + 1 }));
    assert_eq!(check(b"VERBUNDAUDIT2\n", any()), Err(Bad::NoExport));
    assert_eq!(check(b"", any()), Err(Bad::NoExport));
}

/// The first eight records with the heads that two of two sites signed: small enough to try every byte of it.
fn small(world: &World) -> Vec<u8> {
    let export = world.export();
    let kept: Vec<(usize, usize)> =
        frames(&export).iter().filter(|f| f.0 != END && f.3 <= 8).map(|(_, begin, end, _)| (*begin, *end)).collect();
    let kept: Vec<&[u8]> = kept.iter().map(|(begin, end)| &export[*begin..*end]).collect();
    resealed(&kept)
}

/// Whether a finding points at the frame that was changed: of that kind, behind so many records.
fn points_at(bad: &Bad, kind: u8, index: u64) -> bool {
    match kind {
        GENESIS => {
            matches!(bad, Bad::Genesis { .. } | Bad::Federation { .. })
                || matches!(
                    bad,
                    Bad::End { after: 0 }
                        | Bad::Frame { after: 0, .. }
                        | Bad::FrameSize { after: 0, .. }
                        | Bad::Cut { after: 0 }
                )
        }
        // The first record may say of itself that it is number 0 or 1.
        RECORD => {
            bad.first_record() == Some(index)
                || (index == 1 && bad.first_record() == Some(0))
                || *bad == Bad::End { after: index - 1 }
                || matches!(bad, Bad::Head { index: i, .. } if *i == index - 1)
        }
        HEAD => {
            matches!(bad, Bad::Head { index: i, .. } if *i == index)
                || bad.first_record() == Some(index + 1)
                || *bad == Bad::End { after: index }
        }
        END => {
            matches!(bad, Bad::End { .. } | Bad::Trailing)
                || bad.first_record() == Some(index + 1)
                || matches!(bad, Bad::Head { index: i, .. } if *i == index)
        }
        _ => false,
    }
}

#[test]
fn every_changed_byte_is_refused_and_names_its_record_or_frame() {
    let world = World::shared();
    let export = small(world);
    let federation = Options { federation: Some(world.federation), at_least: None };
    let report = check(&export, federation).unwrap();
    assert_eq!((report.head.index, report.signed_by.len(), report.sites), (8, 2, 2), "the positive control");
    let mut changed = export.clone();
    let mut flip = |at: usize, bits: u8| {
        changed[at] ^= bits;
        let bad = check(&changed, federation).err();
        changed[at] ^= bits;
        bad.unwrap_or_else(|| panic!("byte {at} ^ {bits:#04x} was not noticed"))
    };
    for at in 0..MAGIC.len() {
        assert_eq!(flip(at, 0x01), Bad::NoExport, "byte {at}");
    }
    let all = frames(&export);
    assert_eq!(all.last().map(|f| (f.0, f.2)), Some((END, export.len())), "every byte is in a frame");
    let kinds: BTreeSet<u8> = all.iter().map(|f| f.0).collect();
    assert_eq!(kinds, BTreeSet::from([GENESIS, RECORD, HEAD, END]));
    for (kind, begin, end, index) in all {
        for other in 1..=u8::MAX {
            let bad = flip(begin, other);
            assert!(points_at(&bad, kind, index), "a frame {} behind {index} as kind {}: {bad}", kind, kind ^ other);
        }
        for at in begin + 1..end {
            let bad = flip(at, 0x01);
            assert!(points_at(&bad, kind, index), "byte {at} of a frame {} behind {index}: {bad}", char::from(kind));
        }
    }
}

#[test]
fn a_dropped_record_is_named() {
    let world = World::shared();
    let export = world.export();
    let all = frames(&export);
    for dropped in (2..world.last()).step_by(3) {
        let kept: Vec<&[u8]> = all
            .iter()
            .filter(|(kind, _, _, index)| *kind != END && (*kind != RECORD || *index != dropped))
            .map(|(_, begin, end, _)| &export[*begin..*end])
            .collect();
        let bad = check(&resealed(&kept), any()).unwrap_err();
        // A head that stood behind the dropped record now stands behind the one before it.
        let head = matches!(&bad, Bad::Head { index, .. } if *index == dropped - 1);
        assert!(head || bad == Bad::Missing { wanted: dropped, found: dropped + 1 }, "{dropped}: {bad}");
    }
}

#[test]
fn a_dropped_record_with_the_rest_hashed_anew_lies_in_the_named_range() {
    let world = World::shared();
    let dropped = world.last() / 2;
    let forged = world.without(dropped);
    let bad = check(&world.export_of(&forged, &world.heads), any()).unwrap_err();
    let Bad::Rewritten { from, to, .. } = bad else { panic!("{bad}") };
    assert!((from..=to).contains(&dropped), "{dropped} in {from}..={to}");
    assert!(to - from < 4, "no wider than the distance of two heads");
}

#[test]
fn a_cut_tail_is_told() {
    let world = World::shared();
    let export = world.export();
    let all = frames(&export);
    for (_, begin, end, index) in &all {
        for cut in [*begin, (*begin + *end) / 2] {
            let bad = check(&export[..cut], any()).unwrap_err();
            let close = bad.first_record().is_some_and(|first| first <= index + 1);
            assert!(matches!(bad, Bad::Cut { .. }) && close, "{cut}: {bad}");
        }
    }
    // A cut with a new last frame: good where a majority signed, and then older.
    let signed: Vec<u64> = world.heads.keys().copied().collect();
    for length in (1..world.last()).rev() {
        let kept: Vec<&[u8]> = all
            .iter()
            .filter(|(kind, _, _, index)| *kind != END && *index <= length)
            .map(|(_, begin, end, _)| &export[*begin..*end])
            .collect();
        let cut = resealed(&kept);
        if signed.contains(&length) {
            assert_eq!(check(&cut, any()).unwrap().head.index, length);
            let bad = check(&cut, Options { at_least: Some(world.last()), ..any() }).unwrap_err();
            assert_eq!(bad, Bad::TooShort { ends: length, wanted: world.last() });
        } else {
            let from = signed.iter().rev().find(|index| **index < length).map_or(1, |index| index + 1);
            let bad = check(&cut, any()).unwrap_err();
            assert!(matches!(&bad, Bad::Unsigned { from: f, to, .. } if (*f, *to) == (from, length)), "{bad}");
        }
    }
}

#[test]
fn a_chain_that_one_site_rewrote_has_no_majority() {
    let world = World::shared();
    let forged = world.without(world.last() / 2);
    // It signs its own heads, and leaves those of the others out.
    let mut heads = std::collections::BTreeMap::new();
    for index in world.heads.keys().filter(|index| forged.at(**index).is_some()) {
        let head = forged.at(*index).unwrap().head();
        let (node, key) = &world.nodes[0];
        let signature = key.sign(&SignedHead::message(&world.federation, 0, &head, *node)).unwrap();
        heads.insert(
            *index,
            vec![SignedHead { federation: world.federation, generation: 0, head, node: *node, signature }],
        );
    }
    let end = forged.state().head();
    let (node, key) = &world.nodes[0];
    let signature = key.sign(&SignedHead::message(&world.federation, 0, &end, *node)).unwrap();
    heads.insert(
        end.index,
        vec![SignedHead { federation: world.federation, generation: 0, head: end, node: *node, signature }],
    );
    let bad = check(&world.export_of(&forged, &heads), any()).unwrap_err();
    let Bad::Unsigned { from, signed, sites, .. } = bad else { panic!("{bad}") };
    assert_eq!((signed, sites), (1, 3));
    assert!(from <= world.last() / 2);
    // The positive control: with its own history the same site's signature is one of three.
    assert!(check(&world.export(), any()).unwrap().signed_by.len() == 3);
}

#[test]
fn heads_of_other_nodes_signed_twice_make_no_majority() {
    let world = World::shared();
    let export = world.export();
    let all = frames(&export);
    let last = world.last();
    let of_last: Vec<&(u8, usize, usize, u64)> = all.iter().filter(|f| f.0 == HEAD && f.3 == last).collect();
    let mut kept: Vec<&[u8]> = all
        .iter()
        .filter(|(kind, _, _, index)| *kind != END && !(*kind == HEAD && *index == last))
        .map(|(_, begin, end, _)| &export[*begin..*end])
        .collect();
    let one = &export[of_last[0].1..of_last[0].2];
    kept.extend([one, one, one]);
    assert!(matches!(check(&resealed(&kept), any()), Err(Bad::Unsigned { signed: 1, .. })));
}

#[test]
fn an_export_from_a_later_state_hangs_on_its_head() {
    let world = World::shared();
    let (head, state) = world.later.clone();
    let mut writer = ExportWriter::from_snapshot(Vec::new(), &world.genesis, &head, state.records()).unwrap();
    world.write_from(&mut writer, head.index + 1);
    let export = writer.finish().unwrap();
    let report = check(&export, any()).unwrap();
    assert_eq!(report.anchored, Anchored::Head(head));
    assert_eq!(report.head, world.state.head());
    assert_eq!(report.records, world.last() - head.index);
    // Another state under the same head is none.
    let mut other = head;
    other.index += 1;
    let mut writer = ExportWriter::from_snapshot(Vec::new(), &world.genesis, &other, state.records()).unwrap();
    world.write_from(&mut writer, head.index + 1);
    assert!(matches!(check(&writer.finish().unwrap(), any()), Err(Bad::Start { .. })));
}
