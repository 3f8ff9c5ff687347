//! One user in one light, all gestures one after the other.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    body::Body,
    camera::{Camera, CameraConfig},
    gesture::{Manner, Place, REST, hands},
    scene::Scene,
};
use crate::{
    events::{
        Event, EventError, Sensor,
        dvs128::{CLASSES, Part, Trial},
        labels::Label,
    },
    random::{permutation, stream},
};

/// The lights of the published recordings.
pub const LIGHTS: [&str; 5] = ["fluorescent", "fluorescent_led", "lab", "led", "natural"];

/// Microseconds between two drawings.
const STEP: i64 = 2_000;
/// Microseconds in which hands move from one gesture to the next, and rest before the first and after the last.
const PAUSE: i64 = 400_000;

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Simulation {
    /// Users, of whom the last are to test on.
    pub users: u32,
    /// Users to test on.
    pub test_users: u32,
    /// Lights in which each is recorded, 1 to 5.
    pub lights: u32,
    /// Seconds of a gesture.
    pub seconds: f64,
    /// Everything follows from it.
    pub seed: u64,
    /// The camera.
    pub camera: CameraConfig,
}

impl Default for Simulation {
    fn default() -> Self {
        let camera = CameraConfig::default();
        Self { users: 12, test_users: 3, lights: 2, seconds: 2.0, seed: 1, camera }
    }
}

impl Simulation {
    /// Refuses settings outside of their range.
    ///
    /// # Errors
    /// [`EventError::Setting`].
    pub fn check(&self) -> Result<(), EventError> {
        let refuse = |field, value: f64, problem| Err(EventError::setting(field, value, problem));
        if !(2..=9_999).contains(&self.users) {
            return refuse("users", self.users.into(), "2 to 9999, to train and to test on");
        }
        if self.test_users == 0 || self.test_users >= self.users {
            return refuse(
                "test_users",
                self.test_users.into(),
                "at least 1, and fewer than users",
            );
        }
        if !(1..=LIGHTS.len() as u32).contains(&self.lights) {
            return refuse("lights", self.lights.into(), "1 to 5");
        }
        if !(0.01..=1e6).contains(&self.seconds) {
            return refuse("seconds", self.seconds, "0.01 to 1000000");
        }
        let CameraConfig { threshold, mismatch, refractory, noise, hot_pixels, hot_rate } =
            self.camera;
        if !(0.01..=10.0).contains(&threshold) {
            return refuse("threshold", threshold, "0.01 to 10");
        }
        if !(0..=1_000_000).contains(&refractory) {
            return refuse("refractory", refractory as f64, "0 to 1000000 us");
        }
        for (field, value, most) in [
            ("mismatch", mismatch, 1.0),
            ("noise", noise, 1e4),
            ("hot_pixels", hot_pixels, 1.0),
            ("hot_rate", hot_rate, 1e4),
        ] {
            if !(0.0..=most).contains(&value) {
                return refuse(field, value, "a rate or share from 0 on, at most 10000 or 1");
            }
        }
        Ok(())
    }

    /// The recordings: each user in each light, the users to train on first.
    pub fn trials(&self) -> Vec<Trial> {
        let trial = |user: u32, light: &str| Trial {
            name: format!("user{user:02}_{light}"),
            user,
            light: light.to_owned(),
            part: if user > self.users - self.test_users { Part::Test } else { Part::Train },
        };
        let lights = &LIGHTS[..self.lights as usize];
        (1..=self.users)
            .flat_map(|user| lights.iter().map(move |light| trial(user, light)))
            .collect()
    }

    /// Starts a recording.
    ///
    /// # Errors
    /// [`EventError::Setting`].
    pub fn record(&self, trial: &Trial) -> Result<SimulatedRecording, EventError> {
        self.check()?;
        Ok(SimulatedRecording::new(self, trial))
    }
}

/// A recording that is being made, in memory that does not grow.
pub struct SimulatedRecording {
    camera: Camera,
    scene: Scene,
    rng: ChaCha8Rng,
    labels: Vec<Label>,
    manners: Vec<Manner>,
    now: i64,
    end: i64,
}

impl SimulatedRecording {
    fn new(simulation: &Simulation, trial: &Trial) -> Self {
        let light = LIGHTS.iter().position(|light| *light == trial.light).unwrap_or(0);
        let sensor = Sensor::DVS128;
        let (width, height) = (f64::from(sensor.width), f64::from(sensor.height));
        // A user is the same in every light.
        let mut user = stream(b"sim-user", simulation.seed, trial.user.into(), 0);
        let body = Body::draw(width, height, &mut user);
        let mut rng = stream(b"sim-reco", simulation.seed, trial.user.into(), light as u64 + 1);
        let contrast = [0.85, 1.0, 0.9, 1.05, 0.8][light];
        let noise = [1.2, 1.0, 0.8, 0.7, 1.6][light];
        let camera = CameraConfig { noise: simulation.camera.noise * noise, ..simulation.camera };
        let scene = Scene::new(sensor, body, contrast);
        let length = (simulation.seconds * 1e6) as i64;
        let order = permutation(CLASSES.into(), &mut rng);
        let mut labels = Vec::new();
        for (class, number) in order.into_iter().zip(0..) {
            let start = PAUSE + number * (length + PAUSE);
            labels.push(Label { class: class as u8 + 1, start, end: start + length });
        }
        let manners = labels.iter().map(|_| body.manner(&mut rng)).collect();
        let end = labels.last().map_or(0, |label| label.end) + PAUSE;
        let camera = Camera::new(camera, sensor, &scene.light, &mut rng);
        Self { camera, scene, rng, labels, manners, now: 0, end }
    }

    /// The gestures, in order.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Adds what the camera reports in the next two milliseconds to `events`, in order. False at the end.
    pub fn step(&mut self, events: &mut Vec<Event>) -> bool {
        if self.now >= self.end {
            return false;
        }
        let next = self.now + STEP;
        let hands = self.hands(next);
        let (rows, columns) = self.scene.pose(hands);
        let width = usize::from(Sensor::DVS128.width);
        let changed = rows.flat_map(|row| columns.clone().map(move |column| row * width + column));
        self.camera.step(self.now..next, &self.scene.light, changed, &mut self.rng, events);
        self.now = next;
        true
    }

    /// Where hands are: in a gesture, or on the way to the next.
    fn hands(&mut self, t: i64) -> [Place; 2] {
        let at = |number: usize, t: i64| {
            let (label, manner) = (&self.labels[number], &self.manners[number]);
            hands(label.class, (t - label.start) as f64 / 1e6, manner)
        };
        let next = self.labels.partition_point(|label| label.end <= t);
        let before = || next.checked_sub(1).map(|last| at(last, self.labels[last].end));
        let mut place = match self.labels.get(next) {
            Some(label) if label.start <= t => at(next, t),
            after => {
                let since = next.checked_sub(1).map_or(0, |last| self.labels[last].end);
                let share = ((t - since) as f64 / PAUSE as f64).clamp(0.0, 1.0);
                let share = share * share * (3.0 - 2.0 * share);
                let from = before().unwrap_or([REST; 2]);
                let to = after.map_or([REST; 2], |label| at(next, label.start));
                let mix = |a: f64, b: f64| a + share * (b - a);
                std::array::from_fn(|k| (mix(from[k].0, to[k].0), mix(from[k].1, to[k].1)))
            }
        };
        // No hand is quite still.
        for hand in &mut place {
            hand.0 += 0.002 * (self.rng.random::<f64>() - 0.5);
            hand.1 += 0.002 * (self.rng.random::<f64>() - 0.5);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::stats::Stats;

    fn events(simulation: &Simulation, trial: usize) -> (Vec<Event>, Vec<Label>) {
        let trial = &simulation.trials()[trial];
        let mut recording = simulation.record(trial).unwrap();
        let mut events = Vec::new();
        while recording.step(&mut events) {}
        (events, recording.labels().to_vec())
    }

    #[test]
    fn a_recording_has_every_gesture_and_follows_from_the_seed() {
        let simulation =
            Simulation { users: 2, test_users: 1, seconds: 0.5, ..Simulation::default() };
        let (first, labels) = events(&simulation, 0);
        assert_eq!(events(&simulation, 0).0, first);
        assert_ne!(events(&simulation, 1).0, first);
        assert_ne!(events(&Simulation { seed: 2, ..simulation }, 0).0, first);
        let mut classes: Vec<u8> = labels.iter().map(|label| label.class).collect();
        classes.sort_unstable();
        assert_eq!(classes, (1..=11).collect::<Vec<_>>());
        assert!(first.windows(2).all(|pair| pair[0].t <= pair[1].t));
        let sensor = Sensor::DVS128;
        assert!(first.iter().all(|event| sensor.holds(event.x, event.y) && event.t >= 0));
        for label in &labels {
            let events = first.iter().filter(|event| label.span().contains(&event.t)).count();
            assert!(events > 1_000, "class {}: {events} events", label.class);
        }
        // As many as the seven clips of real recordings have, within a factor.
        let stats: Stats = first.iter().collect();
        let rate = stats.rate().unwrap();
        assert!((15_000.0..250_000.0).contains(&rate), "{stats}");
        assert!(stats.on * 4 > stats.off && stats.off * 4 > stats.on, "{stats}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let good = Simulation::default();
        for (bad, field) in [
            (Simulation { users: 1, ..good }, "users"),
            (Simulation { test_users: 12, ..good }, "test_users"),
            (Simulation { lights: 6, ..good }, "lights"),
            (Simulation { seconds: f64::NAN, ..good }, "seconds"),
            (
                Simulation { camera: CameraConfig { threshold: 0.0, ..good.camera }, ..good },
                "threshold",
            ),
            (Simulation { camera: CameraConfig { noise: -1.0, ..good.camera }, ..good }, "noise"),
        ] {
            assert!(bad.check().unwrap_err().to_string().starts_with(field), "{field}");
        }
        good.check().unwrap();
    }
}
