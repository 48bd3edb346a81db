//! Who is in an area, out of a sorted set whose scores are places.
//!
//! Cost: O(log n + entries in the cells that the area touches).

use super::Place;
use super::area::Area;
use crate::types::packed::Element;
use crate::types::sorted_set::bounds::ScoreBound;
use crate::types::sorted_set::face::SortedSetRef;

/// A member that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    pub member: Element<'a>,
    pub score: f64,
    pub place: Place,
    pub distance_m: f64,
}

/// In which order members are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    AsFound,
    Nearest,
    Farthest,
}

/// The members in the area. With `any` the search stops at `most`; otherwise the first
/// `most` in `order` are left.
pub fn search<'a>(
    set: SortedSetRef<'a>,
    area: &Area,
    order: Order,
    most: usize,
    any: bool,
) -> Vec<Found<'a>> {
    let enough = if any { most } else { usize::MAX };
    let mut found = Vec::new();
    'cells: for cell in area.cells() {
        let (low, high) = cell.scores();
        let range = set.score_range(ScoreBound::Included(low), ScoreBound::Excluded(high));
        for (member, score) in set.range(range) {
            let place = Place::of_score(score);
            if let Some(distance_m) = area.distance_m(place) {
                found.push(Found {
                    member,
                    score,
                    place,
                    distance_m,
                });
                if found.len() >= enough {
                    break 'cells;
                }
            }
        }
    }
    match order {
        Order::AsFound => {}
        Order::Nearest => found.sort_by(|one, other| one.distance_m.total_cmp(&other.distance_m)),
        Order::Farthest => found.sort_by(|one, other| other.distance_m.total_cmp(&one.distance_m)),
    }
    found.truncate(most);
    found
}
