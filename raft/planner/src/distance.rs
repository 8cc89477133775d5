//! How far apart two places are.

use verbund_model::resource::{Coordinates, DistanceClass};

/// The earth's mean radius in kilometres (IUGG).
const RADIUS: f64 = 6_371.008_8;
/// From here on two sites are georedundant (BSI, Kriterien für die Standortwahl).
pub const GEOREDUNDANT: u32 = 200;
/// Below this no exception makes two sites georedundant.
pub const WITH_REASON: u32 = 100;

/// The air line between two places in whole kilometres: the haversine on a sphere, with trigonometry that is the same on
/// every platform, rounded.
#[must_use]
pub fn kilometres(from: Coordinates, to: Coordinates) -> u32 {
    let radians = |micro: i32| f64::from(micro) / 1_000_000.0 * core::f64::consts::PI / 180.0;
    let (from_lat, to_lat) = (radians(from.latitude), radians(to.latitude));
    let half_lat = libm::sin((to_lat - from_lat) / 2.0);
    let half_lon = libm::sin((radians(to.longitude) - radians(from.longitude)) / 2.0);
    let haversine = half_lat * half_lat + libm::cos(from_lat) * libm::cos(to_lat) * half_lon * half_lon;
    let arc = 2.0 * libm::asin(libm::sqrt(haversine.clamp(0.0, 1.0)));
    // At most half of the earth's circumference, so that it fits.
    libm::round(RADIUS * arc) as u32
}

/// The class of a distance.
#[must_use]
pub const fn class(kilometres: u32) -> DistanceClass {
    if kilometres >= GEOREDUNDANT {
        DistanceClass::Georedundant
    } else if kilometres >= WITH_REASON {
        DistanceClass::GeoredundantMitBegruendung
    } else {
        DistanceClass::Betriebsredundant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(latitude: i32, longitude: i32) -> Coordinates {
        Coordinates { latitude, longitude }
    }

    #[test]
    fn knows_distances_of_german_towns() {
        let (berlin, hamburg, munich) =
            (at(52_520_008, 13_404_954), at(53_551_086, 9_993_682), at(48_135_124, 11_581_981));
        assert_eq!(kilometres(berlin, hamburg), 255);
        assert_eq!(kilometres(hamburg, berlin), 255);
        assert_eq!(kilometres(berlin, munich), 504);
        assert_eq!(kilometres(berlin, berlin), 0);
    }

    #[test]
    fn reaches_round_the_earth() {
        assert_eq!(kilometres(at(90_000_000, 0), at(-90_000_000, 0)), 20_015);
        assert_eq!(kilometres(at(0, 180_000_000), at(0, -180_000_000)), 0);
        assert_eq!(kilometres(at(0, -180_000_000), at(0, 0)), 20_015);
    }

    #[test]
    fn classes_end_at_their_bounds() {
        assert_eq!(class(99), DistanceClass::Betriebsredundant);
        assert_eq!(class(100), DistanceClass::GeoredundantMitBegruendung);
        assert_eq!(class(199), DistanceClass::GeoredundantMitBegruendung);
        assert_eq!(class(200), DistanceClass::Georedundant);
    }
}
