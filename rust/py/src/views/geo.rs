//! Places for Python: sorted sets whose scores are geohashes, and areas.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::data::Access;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::pipeline::Shape as Container;
use rubellite_core::geo::area::{self, Shape};
use rubellite_core::geo::search::{Found, Order, search};
use rubellite_core::geo::{Place, distance_text};
use rubellite_core::keyspace::Kind;
use rubellite_core::text::double;
use rubellite_core::types::sorted_set::face::{self, SortedSetRef};

use super::made::Made;
use super::sorted_set::SortedSet;
use crate::border;
use crate::call::{Arguments, Call, check_arguments};
use crate::reply::Special;

/// An area of the Earth that is searched.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Area(area::Area);

fn center(longitude: f64, latitude: f64) -> Place {
    Place {
        longitude,
        latitude,
    }
}

#[pymethods]
impl Area {
    /// What is no further than so many meters from a place.
    #[staticmethod]
    fn circle(longitude: f64, latitude: f64, radius_m: f64) -> Area {
        Area(area::Area {
            center: center(longitude, latitude),
            shape: Shape::Circle { radius_m },
        })
    }

    /// A box so many meters wide and high around a place.
    #[staticmethod]
    fn rectangle(longitude: f64, latitude: f64, width_m: f64, height_m: f64) -> Area {
        Area(area::Area {
            center: center(longitude, latitude),
            shape: Shape::Box { width_m, height_m },
        })
    }

    /// A polygon from the longitudes and latitudes of its corners, three at least.
    #[staticmethod]
    fn polygon(corners: Vec<(f64, f64)>) -> PyResult<Area> {
        if corners.len() < 3 {
            return Err(PyValueError::new_err(
                "a polygon has three corners at least",
            ));
        }
        let corners = corners.into_iter();
        let corners = corners.map(|(longitude, latitude)| center(longitude, latitude));
        Ok(Area(area::Area::polygon(corners.collect())))
    }
}

fn order_named(name: &str) -> PyResult<Order> {
    match name {
        "" => Ok(Order::AsFound),
        "ASC" => Ok(Order::Nearest),
        "DESC" => Ok(Order::Farthest),
        _ => Err(PyValueError::new_err(format!("no such order: {name}"))),
    }
}

#[pymethods]
impl SortedSet {
    /// The longitude and latitude of a member; None without it.
    fn position(&self, py: Python<'_>, member: &[u8]) -> PyResult<Option<(f64, f64)>> {
        self.0.read(py, None, |content, _| {
            let score = SortedSetRef::new(content).score(member)?;
            let place = Place::of_score(score);
            Some((place.longitude, place.latitude))
        })
    }

    /// Meters between two members; None if one is missing.
    fn distance_m(&self, py: Python<'_>, one: &[u8], other: &[u8]) -> PyResult<Option<f64>> {
        self.0.read(py, None, |content, _| {
            let set = SortedSetRef::new(content);
            let (one, other) = (set.score(one)?, set.score(other)?);
            Some(Place::of_score(one).distance_m(Place::of_score(other)))
        })
    }

    /// The geohash texts of members; None for each that is missing.
    fn geohashes<'py>(
        &self,
        py: Python<'py>,
        members: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        self.0.read_with(py, members, |content, _, members| {
            let set = content.map(SortedSetRef::new);
            let geohash = |member: &&[u8]| {
                let place = Place::of_score(set?.score(member)?);
                Some(PyBytes::new(py, &place.geohash()))
            };
            members.iter().map(geohash).collect()
        })
    }

    /// Replies with the coordinates of members; null for each that is missing.
    fn reply_positions(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Special> {
        self.0.reply_with(py, members, |content, writer, members| {
            let set = content.map(SortedSetRef::new);
            writer.begin(Container::Array, members.len());
            for member in members {
                match set.and_then(|set| set.score(member)) {
                    Some(score) => writer.place(Place::of_score(score)),
                    None => writer.null_array(),
                }
            }
            writer.end(Container::Array, members.len());
        })
    }

    /// Replies with the members in an area, `most` of them in `order` ("ASC", "DESC" or
    /// ""), with `any` the first that are found. Distances are in units of `unit_m` meters.
    #[allow(clippy::too_many_arguments)]
    fn reply_area(
        &self,
        py: Python<'_>,
        area: &Bound<'_, Area>,
        order: &str,
        most: usize,
        any: bool,
        unit_m: f64,
        with_distance: bool,
        with_hash: bool,
        with_place: bool,
    ) -> PyResult<Special> {
        let (area, order) = (&area.get().0, order_named(order)?);
        let parts = 1 + [with_distance, with_hash, with_place]
            .iter()
            .filter(|is_wanted| **is_wanted)
            .count();
        self.0.reply(py, |content, _, writer| {
            let set = content.map(SortedSetRef::new);
            let found = set.map_or(Vec::new(), |set| search(set, area, order, most, any));
            writer.begin(Container::Array, found.len());
            for one in &found {
                if parts > 1 {
                    writer.begin(Container::Array, parts);
                }
                writer.element(one.member);
                if with_distance {
                    writer.bulk(distance_text(one.distance_m / unit_m).as_bytes());
                }
                if with_hash {
                    writer.integer(one.score as i64);
                }
                if with_place {
                    writer.place(one.place);
                }
                if parts > 1 {
                    writer.end(Container::Array, parts);
                }
            }
            writer.end(Container::Array, found.len());
        })
    }

    /// The members that `reply_area` would reply with, to be stored: with their scores, or
    /// with their distances in units of `distance_unit_m` meters.
    fn part_in_area(
        &self,
        py: Python<'_>,
        area: &Bound<'_, Area>,
        order: &str,
        most: usize,
        any: bool,
        distance_unit_m: Option<f64>,
    ) -> PyResult<Made> {
        let (area, order) = (&area.get().0, order_named(order)?);
        let (key, kind) = (self.0.key(py), self.0.kind);
        let made = self.0.context(|context| {
            context.engine.read_kind(key, kind, Access::Peek)?;
            let engine = &*context.engine;
            let entry = engine.databases[engine.run.database].find(key);
            let content = entry.and_then(|entry| entry.content());
            let set = content.map(SortedSetRef::new);
            let found = set.map_or(Vec::new(), |set| search(set, area, order, most, any));
            let score = |one: &Found<'_>| match distance_unit_m {
                Some(unit_m) => one.distance_m / unit_m,
                None => one.score,
            };
            let mut entries: Vec<_> = found.iter().map(|one| (one.member, score(one))).collect();
            entries.sort_by(face::compare);
            entries.dedup();
            let made = face::from_sorted(&entries, engine.sorted_set_limits());
            Ok(Made::new(Kind::SortedSet, entries.len(), made))
        })?;
        made.map_err(|failure| border::to_error(py, failure))
    }
}

#[pymethods]
impl Call {
    /// Scores and members, as ZADD takes them, from longitudes, latitudes and members in
    /// `arguments` from `first` on. Fails with NOT_FLOAT or INVALID_PLACE.
    fn geohashed<'py>(
        &self,
        py: Python<'py>,
        arguments: &Arguments,
        first: usize,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        check_arguments(self, arguments)?;
        let parts = self.with(|context| {
            let request = context.invocation.request;
            let range = arguments.first + first..arguments.first + arguments.count;
            let mut parts = Vec::with_capacity(range.len() / 3 * 2);
            for at in range.step_by(3) {
                let degrees = |at| double::parse(request.get(at)).ok_or(ErrorCode::NotFloat);
                let (longitude, latitude) = (degrees(at)?, degrees(at + 1)?);
                let Some(place) = Place::new(longitude, latitude) else {
                    let pair = format!("{longitude:.6},{latitude:.6}");
                    return Err(Failure::With(ErrorCode::InvalidPlace, pair));
                };
                let mut score = itoa::Buffer::new();
                parts.push(PyBytes::new(py, score.format(place.bits()).as_bytes()));
                parts.push(PyBytes::new(py, request.get(at + 2)));
            }
            Ok(parts)
        })?;
        parts.map_err(|failure| border::to_error(py, failure))
    }
}
