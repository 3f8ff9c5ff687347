//! From `[optimiser]` and `[schedule]` to Burn's optimiser and the learning rate of each step.

use burn::lr_scheduler::constant::ConstantLr;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::ParamGroup;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer};

use crate::recipe::{OptimiserName, OptimiserRecipe, Recipe, RecipeError, ScheduleRecipe};

/// The optimiser of a recipe, with its parameter groups.
pub fn optimiser(recipe: &OptimiserRecipe) -> ModuleOptimizer {
    match recipe.name {
        OptimiserName::Adam => {
            let config = |decay: f64| {
                AdamConfig::new()
                    .with_beta_1(recipe.beta1 as f32)
                    .with_beta_2(recipe.beta2 as f32)
                    .with_epsilon(recipe.epsilon as f32)
                    .with_weight_decay((decay != 0.0).then(|| WeightDecayConfig::new(decay as f32)))
            };
            let all = config(recipe.weight_decay).init();
            recipe.group.iter().fold(all, |optimiser, group| {
                let own = config(group.weight_decay.unwrap_or(recipe.weight_decay)).build();
                optimiser.with_group(parameters(&group.pattern), own, None)
            })
        }
        OptimiserName::AdamW => {
            let config = |decay: f64| {
                AdamWConfig::new()
                    .with_beta_1(recipe.beta1 as f32)
                    .with_beta_2(recipe.beta2 as f32)
                    .with_epsilon(recipe.epsilon as f32)
                    .with_weight_decay(decay as f32)
            };
            let all = config(recipe.weight_decay).init();
            recipe.group.iter().fold(all, |optimiser, group| {
                let own = config(group.weight_decay.unwrap_or(recipe.weight_decay)).build();
                optimiser.with_group(parameters(&group.pattern), own, None)
            })
        }
    }
}

/// The parameters whose path contains `pattern`.
fn parameters(pattern: &str) -> ParamGroup {
    ParamGroup::from_predicate(pattern)
}

/// The rates of all parameters, where `rate` is that of those in no group.
pub fn rates(recipe: &OptimiserRecipe, rate: f64) -> ModuleLearningRate {
    let all = ModuleLrScheduler::new(ConstantLr::new(rate));
    let grouped = recipe.group.iter().fold(all, |rates, group| {
        rates.with_group(parameters(&group.pattern), ConstantLr::new(rate * group.rate_factor))
    });
    { grouped }.step()
}

/// The learning rate of every step of a run: a function of the position alone, so that nothing of it is stored.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: ScheduleRecipe,
    rate: f64,
    /// Optimiser steps before each epoch; the last entry is their number in all.
    starts: Vec<usize>,
}

impl Schedule {
    /// The schedule of a recipe; `steps` has the optimiser steps of each epoch, which may differ.
    ///
    /// # Errors
    /// A schedule that does not fit the run, such as a cosine that starts after the last epoch.
    pub fn new(recipe: &Recipe, steps: &[usize]) -> Result<Self, RecipeError> {
        let epochs = recipe.training.epochs;
        if let ScheduleRecipe::Cosine { from, .. } = recipe.schedule
            && from >= epochs
        {
            return Err(RecipeError::Invalid {
                field: "schedule.from".to_owned(),
                value: from.to_string(),
                remedy: format!("use less than training.epochs = {epochs}"),
            });
        }
        let mut starts = vec![0];
        for steps in steps {
            starts.push(starts[starts.len() - 1] + steps);
        }
        Ok(Self { kind: recipe.schedule.clone(), rate: recipe.optimiser.learning_rate, starts })
    }

    /// The rate of a step: `epoch` counts from 1, `step` within it from 0.
    pub fn rate(&self, epoch: usize, step: usize) -> f64 {
        match self.kind {
            ScheduleRecipe::Constant => self.rate,
            ScheduleRecipe::Step { every, gamma } => {
                self.rate * gamma.powi(((epoch - 1) / every) as i32)
            }
            ScheduleRecipe::Cosine { from, .. } if epoch <= from => self.rate,
            ScheduleRecipe::Cosine { from, final_rate } => {
                let first = self.starts[from];
                // The last step of the run gets exactly the final rate.
                let last = (self.starts[self.starts.len() - 1] - first).saturating_sub(1).max(1);
                let share = (self.starts[epoch - 1] + step - first) as f64 / last as f64;
                fall(self.rate, final_rate, share)
            }
            ScheduleRecipe::OneCycle { warm_up, start_rate, final_rate } => {
                let (step, steps) =
                    (self.starts[epoch - 1] + step, self.starts[self.starts.len() - 1]);
                let up = (warm_up * steps as f64).round() as usize;
                if step < up {
                    return start_rate + (self.rate - start_rate) * step as f64 / up as f64;
                }
                let down = (steps - up).saturating_sub(1).max(1);
                fall(self.rate, final_rate, (step - up) as f64 / down as f64)
            }
        }
    }
}

/// Half a cosine from one rate to another; `share` of it is done.
fn fall(from: f64, to: f64, share: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + (share * std::f64::consts::PI).cos())
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

    fn recipe(overrides: &[(&str, &str)]) -> Recipe {
        let overrides: Vec<_> =
            overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Recipe::named("quickstart").unwrap().with_overrides(&overrides).unwrap()
    }

    /// The rate of each step, where the epochs have this many.
    fn rates_of(recipe: &Recipe, steps: &[usize]) -> Vec<f64> {
        let schedule = Schedule::new(recipe, steps).unwrap();
        let epochs = steps.iter().enumerate();
        epochs
            .flat_map(|(e, &n)| (0..n).map(move |i| (e + 1, i)))
            .map(|(e, i)| schedule.rate(e, i))
            .collect()
    }

    #[test]
    fn step_drops_after_whole_epochs() {
        let recipe = recipe(&[
            ("optimiser.learning_rate", "0.8"),
            ("schedule.type", "step"),
            ("schedule.every", "2"),
            ("schedule.gamma", "0.5"),
        ]);
        assert_eq!(rates_of(&recipe, &[2, 1, 2]), [0.8, 0.8, 0.8, 0.4, 0.4]);
    }

    #[test]
    fn cosine_starts_late_and_ends_at_the_final_rate() {
        let recipe = recipe(&[
            ("optimiser.learning_rate", "0.5"),
            ("schedule.type", "cosine"),
            ("schedule.from", "1"),
            ("schedule.final_rate", "0.1"),
            ("training.epochs", "3"),
        ]);
        // Epochs of different lengths: the cosine is over the steps that there are.
        let rates = rates_of(&recipe, &[3, 1, 2]);
        for (rate, expected) in rates.iter().zip([0.5, 0.5, 0.5, 0.5, 0.3, 0.1]) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn one_cycle_goes_up_in_a_line_and_down_in_half_a_cosine() {
        let recipe = recipe(&[
            ("optimiser.learning_rate", "0.5"),
            ("schedule.type", "one-cycle"),
            ("schedule.warm_up", "0.4"),
            ("schedule.start_rate", "0.1"),
            ("training.epochs", "2"),
        ]);
        let rates = rates_of(&recipe, &[3, 2]);
        for (rate, expected) in rates.iter().zip([0.1, 0.3, 0.5, 0.25, 0.0]) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
        // Without a way up, and over fewer steps than a cycle has parts.
        let mut recipe = recipe;
        recipe.schedule =
            ScheduleRecipe::OneCycle { warm_up: 0.0, start_rate: 9.0, final_rate: 0.0 };
        assert_eq!(rates_of(&recipe, &[1, 0]), [0.5]);
        assert_eq!(rates_of(&recipe, &[1, 1]), [0.5, 0.0]);
    }

    #[test]
    fn groups_have_rates_of_their_own() {
        let overrides = [(
            "optimiser.group",
            r#"[{ match = "theta", rate_factor = 0.5 }, { match = "head", rate_factor = 0 }]"#,
        )];
        let rates = rates(&recipe(&overrides).optimiser, 0.2);
        let of = |path| rates.lr_from_param(ParamId::from(1), Some(path));
        assert_eq!(rates.base(), 0.2);
        assert_eq!(of("stack.layers.0.cell.threshold.theta"), 0.1);
        assert_eq!((of("head.weight"), of("stack.layers.0.cell.weights.w")), (0.0, 0.2));
    }

    #[test]
    fn a_cosine_beyond_the_last_epoch_is_refused() {
        let mut recipe = recipe(&[("schedule.type", "cosine"), ("schedule.from", "9")]);
        recipe.training.epochs = 9;
        let error = Schedule::new(&recipe, &[1; 9]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("schedule.from"), "{error}");
    }
}
