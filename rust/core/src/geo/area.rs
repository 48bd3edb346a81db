//! Areas that are searched: circles, boxes and polygons, and which cells they touch.
//!
//!      NW | N | NE        the cell of the middle and its eight neighbours, of such a
//!      ---+---+---        size that they hold the whole area; those that the area does
//!       W | C | E         not reach are left out
//!      ---+---+---
//!      SW | S | SE        order of the reply: C N S E W NE NW SE SW

use super::{Bounds, Cell, EARTH_RADIUS_M, LATITUDE_MAX, Place, STEPS};

/// Half the length of the equator in Web Mercator's meters.
const HALF_EQUATOR_M: f64 = 20_037_726.37;

/// Neighbours in the order in which they are searched: how far east, how far north.
const NEIGHBOURS: [(i32, i32); 9] = [
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
];

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Circle {
        radius_m: f64,
    },
    Box {
        width_m: f64,
        height_m: f64,
    },
    /// At least three corners.
    Polygon(Vec<Place>),
}

/// A shape around a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    pub center: Place,
    pub shape: Shape,
}

impl Area {
    /// A polygon; its distances are those to the middle of its corners on the sphere.
    pub fn polygon(corners: Vec<Place>) -> Area {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for corner in &corners {
            let longitude = corner.longitude.to_radians();
            let latitude = corner.latitude.to_radians();
            x += latitude.cos() * longitude.cos();
            y += latitude.cos() * longitude.sin();
            z += latitude.sin();
        }
        let count = corners.len() as f64;
        let (x, y, z) = (x / count, y / count, z / count);
        let center = Place {
            longitude: y.atan2(x).to_degrees(),
            latitude: z.atan2((x * x + y * y).sqrt()).to_degrees(),
        };
        let shape = Shape::Polygon(corners);
        Area { center, shape }
    }

    /// How far a place in the area is from its middle, in meters; None if it is outside.
    pub fn distance_m(&self, place: Place) -> Option<f64> {
        match &self.shape {
            Shape::Circle { radius_m } => {
                let distance = self.center.distance_m(place);
                (distance <= *radius_m).then_some(distance)
            }
            Shape::Box { width_m, height_m } => {
                if place.latitude_distance_m(self.center) > height_m / 2.0 {
                    return None;
                }
                let beside = Place {
                    longitude: self.center.longitude,
                    latitude: place.latitude,
                };
                if place.distance_m(beside) > width_m / 2.0 {
                    return None;
                }
                Some(self.center.distance_m(place))
            }
            Shape::Polygon(corners) => {
                is_inside(corners, place).then(|| self.center.distance_m(place))
            }
        }
    }

    /// The box of degrees around the area, and how far it reaches in meters.
    fn extent(&self) -> (Bounds, f64) {
        let (width_m, height_m, reach_m) = match &self.shape {
            Shape::Circle { radius_m } => (2.0 * radius_m, 2.0 * radius_m, *radius_m),
            Shape::Box { width_m, height_m } => {
                let (half_width, half_height) = (width_m / 2.0, height_m / 2.0);
                let reach_m = (half_width * half_width + half_height * half_height).sqrt();
                (*width_m, *height_m, reach_m)
            }
            Shape::Polygon(corners) => return self.extent_of_polygon(corners),
        };
        let Place {
            longitude,
            latitude,
        } = self.center;
        let up = (height_m / 2.0 / EARTH_RADIUS_M).to_degrees();
        let beside = |latitude: f64| {
            (width_m / 2.0 / EARTH_RADIUS_M / latitude.to_radians().cos()).to_degrees()
        };
        // Degrees are narrower towards the pole.
        let side = if latitude < 0.0 {
            beside(latitude - up)
        } else {
            beside(latitude + up)
        };
        let bounds = Bounds {
            west: longitude - side,
            south: latitude - up,
            east: longitude + side,
            north: latitude + up,
        };
        (bounds, reach_m)
    }

    fn extent_of_polygon(&self, corners: &[Place]) -> (Bounds, f64) {
        let mut bounds = Bounds {
            west: f64::INFINITY,
            south: f64::INFINITY,
            east: f64::NEG_INFINITY,
            north: f64::NEG_INFINITY,
        };
        for corner in corners {
            bounds.west = bounds.west.min(corner.longitude);
            bounds.east = bounds.east.max(corner.longitude);
            bounds.south = bounds.south.min(corner.latitude);
            bounds.north = bounds.north.max(corner.latitude);
        }
        let mut reach_m: f64 = 0.0;
        for longitude in [bounds.west, bounds.east] {
            for latitude in [bounds.south, bounds.north] {
                let corner = Place {
                    longitude,
                    latitude,
                };
                reach_m = reach_m.max(self.center.distance_m(corner));
            }
        }
        (bounds, reach_m)
    }

    /// The cells to look into, in order; no two that follow each other are the same.
    pub fn cells(&self) -> Vec<Cell> {
        let (bounds, reach_m) = self.extent();
        let mut steps = steps_for(reach_m, self.center.latitude);
        let mut center = Cell::around(self.center, steps, LATITUDE_MAX);
        let is_short = center.moved(0, 1).bounds().north < bounds.north
            || center.moved(0, -1).bounds().south > bounds.south
            || center.moved(1, 0).bounds().east < bounds.east
            || center.moved(-1, 0).bounds().west > bounds.west;
        if steps > 1 && is_short {
            steps -= 1;
            center = Cell::around(self.center, steps, LATITUDE_MAX);
        }
        let inner = center.bounds();
        let is_useless = |(east, north): (i32, i32)| {
            (north < 0 && inner.south < bounds.south)
                || (north > 0 && inner.north > bounds.north)
                || (east < 0 && inner.west < bounds.west)
                || (east > 0 && inner.east > bounds.east)
        };
        let mut cells: Vec<Cell> = Vec::with_capacity(NEIGHBOURS.len());
        let mut is_first = true;
        for (east, north) in NEIGHBOURS {
            if steps >= 2 && (east, north) != (0, 0) && is_useless((east, north)) {
                continue;
            }
            let cell = center.moved(east, north);
            // In a world of few cells neighbours are the same; those that follow the
            // middle are searched all the same, as on the real servers.
            if !is_first && cells.len() > 1 && cells.last() == Some(&cell) {
                continue;
            }
            is_first = false;
            cells.push(cell);
        }
        cells
    }
}

/// So many steps make cells that hold a range, together with their neighbours.
fn steps_for(range_m: f64, latitude: f64) -> u32 {
    if range_m == 0.0 {
        return STEPS;
    }
    let mut steps = 1;
    let mut range_m = range_m;
    while range_m < HALF_EQUATOR_M {
        range_m *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Cells are narrower towards the poles.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, STEPS as i32) as u32
}

/// Whether a place is in a polygon: a ray to the east crosses its edges an odd number of
/// times. Degrees are taken for a plane.
fn is_inside(corners: &[Place], place: Place) -> bool {
    let mut inside = false;
    let mut previous = corners.len() - 1;
    for (at, one) in corners.iter().enumerate() {
        let other = &corners[previous];
        if (one.latitude > place.latitude) != (other.latitude > place.latitude) {
            let slope = (other.longitude - one.longitude) / (other.latitude - one.latitude);
            let edge = slope * (place.latitude - one.latitude) + one.longitude;
            inside ^= place.longitude < edge;
        }
        previous = at;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        (-179.0..179.0_f64, -80.0..80.0_f64).prop_map(|(longitude, latitude)| Place {
            longitude,
            latitude,
        })
    }

    proptest! {
        #[test]
        fn the_cells_hold_what_is_in_the_area(
            center in place(),
            (east, north) in (-0.5..0.5_f64, -0.5..0.5_f64),
            size_m in 1.0..100_000.0_f64,
            is_box in any::<bool>(),
        ) {
            let shape = if is_box {
                Shape::Box { width_m: size_m, height_m: size_m / 2.0 }
            } else {
                Shape::Circle { radius_m: size_m }
            };
            let area = Area { center, shape };
            let place = Place {
                longitude: center.longitude + east,
                latitude: center.latitude + north,
            };
            if area.distance_m(place).is_some() {
                let score = place.bits() as f64;
                let is_in = |cell: &Cell| {
                    let (low, high) = cell.scores();
                    low <= score && score < high
                };
                prop_assert!(area.cells().iter().any(is_in));
            }
        }
    }

    #[test]
    fn every_size_has_cells() {
        let center = Place {
            longitude: 180.0,
            latitude: -85.05,
        };
        for radius_m in [0.0, 1e-300, 1.0, 1e7, 1e300, f64::INFINITY] {
            let area = Area {
                center,
                shape: Shape::Circle { radius_m },
            };
            assert!(!area.cells().is_empty(), "{radius_m}");
        }
    }
}
