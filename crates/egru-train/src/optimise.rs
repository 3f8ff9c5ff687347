//! From `[optimiser]` and `[schedule]` to Burn's optimiser and learning-rate scheduler.
//!
//! Thresholds form a parameter group of their own: no weight decay, and a learning rate of
//! `threshold_factor` times everyone else's.

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLrScheduler, ModuleLrSchedulerConfig};
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
use burn::lr_scheduler::step::StepLrSchedulerConfig;
use burn::module::ParamGroup;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer};

use crate::recipe::{OptimiserName, OptimiserRecipe, Recipe, RecipeError, ScheduleRecipe};

/// The optimiser of a recipe; `thresholds` are the parameters without weight decay.
pub fn optimiser(recipe: &OptimiserRecipe, thresholds: Option<&ParamGroup>) -> ModuleOptimizer {
    match recipe.name {
        OptimiserName::Adam => {
            let plain = AdamConfig::new()
                .with_beta_1(recipe.beta1 as f32)
                .with_beta_2(recipe.beta2 as f32)
                .with_epsilon(recipe.epsilon as f32);
            let decayed = if recipe.weight_decay == 0.0 {
                plain.clone()
            } else {
                let decay = WeightDecayConfig::new(recipe.weight_decay as f32);
                plain.clone().with_weight_decay(Some(decay))
            };
            match thresholds {
                Some(group) => decayed.init().with_group(group.clone(), plain.build(), None),
                None => decayed.init(),
            }
        }
        OptimiserName::AdamW => {
            let with_decay = |decay: f64| {
                AdamWConfig::new()
                    .with_beta_1(recipe.beta1 as f32)
                    .with_beta_2(recipe.beta2 as f32)
                    .with_epsilon(recipe.epsilon as f32)
                    .with_weight_decay(decay as f32)
            };
            let decayed = with_decay(recipe.weight_decay).init();
            match thresholds {
                Some(group) => decayed.with_group(group.clone(), with_decay(0.0).build(), None),
                None => decayed,
            }
        }
    }
}

/// The learning-rate scheduler of a recipe; it advances once per optimiser step.
///
/// # Errors
/// A schedule that does not fit the run, such as a cosine that starts after the last epoch.
pub fn scheduler(
    recipe: &Recipe,
    steps_per_epoch: usize,
    thresholds: Option<&ParamGroup>,
) -> Result<ModuleLrScheduler, RecipeError> {
    let mut config = ModuleLrSchedulerConfig::new(schedule(recipe, steps_per_epoch, 1.0)?);
    if let Some(group) = thresholds {
        let factor = recipe.optimiser.threshold_factor;
        config = config.with_group(group.clone(), schedule(recipe, steps_per_epoch, factor)?);
    }
    config.init().map_err(|problem| RecipeError::Invalid {
        field: "schedule".to_owned(),
        value: format!("{:?}", recipe.schedule),
        remedy: problem,
    })
}

fn schedule(
    recipe: &Recipe,
    steps_per_epoch: usize,
    factor: f64,
) -> Result<LrSchedulerConfig, RecipeError> {
    let rate = recipe.optimiser.learning_rate * factor;
    if factor == 0.0 {
        return Ok(LrSchedulerConfig::Constant(0.0));
    }
    Ok(match recipe.schedule {
        ScheduleRecipe::Constant => LrSchedulerConfig::Constant(rate),
        ScheduleRecipe::Step { every, gamma } => {
            StepLrSchedulerConfig::new(rate, every * steps_per_epoch).with_gamma(gamma).into()
        }
        ScheduleRecipe::Cosine { from, final_rate } => {
            let Some(epochs) = recipe.training.epochs.checked_sub(from).filter(|&left| left > 0)
            else {
                return Err(RecipeError::Invalid {
                    field: "schedule.from".to_owned(),
                    value: from.to_string(),
                    remedy: format!("use less than training.epochs = {}", recipe.training.epochs),
                });
            };
            // The last step of the run gets exactly the final rate.
            let steps = (epochs * steps_per_epoch).saturating_sub(1).max(1);
            let cosine =
                CosineAnnealingLrSchedulerConfig::new(rate, steps).with_min_lr(final_rate * factor);
            if from == 0 {
                cosine.into()
            } else {
                let parts = vec![LrSchedulerConfig::Constant(rate), cosine.into()];
                SequentialLrSchedulerConfig::new(parts, vec![from * steps_per_epoch]).into()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

    /// The rates of each step, of a usual parameter and of a threshold.
    fn rates(overrides: &[(&str, &str)], steps_per_epoch: usize, steps: usize) -> Vec<(f64, f64)> {
        let overrides: Vec<_> =
            overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let recipe = Recipe::named("quickstart").unwrap().with_overrides(&overrides).unwrap();
        let group = ParamGroup::from_predicate("theta");
        let mut scheduler = scheduler(&recipe, steps_per_epoch, Some(&group)).unwrap();
        let id = ParamId::from(1);
        (0..steps)
            .map(|_| scheduler.step())
            .map(|rate| (rate.base(), rate.lr_from_param(id, Some("layers.0.theta"))))
            .collect()
    }

    #[test]
    fn step_drops_after_whole_epochs() {
        let rates = rates(
            &[
                ("optimiser.learning_rate", "0.8"),
                ("optimiser.threshold_factor", "0.5"),
                ("schedule.type", "step"),
                ("schedule.every", "2"),
                ("schedule.gamma", "0.5"),
            ],
            2,
            6,
        );
        let expected = [0.8, 0.8, 0.8, 0.8, 0.4, 0.4];
        assert_eq!(rates.iter().map(|r| r.0).collect::<Vec<_>>(), expected);
        assert!(rates.iter().all(|r| r.1 == 0.5 * r.0));
    }

    #[test]
    fn cosine_starts_late_and_ends_at_the_final_rate() {
        let rates = rates(
            &[
                ("optimiser.learning_rate", "0.5"),
                ("optimiser.threshold_factor", "0"),
                ("schedule.type", "cosine"),
                ("schedule.from", "1"),
                ("schedule.final_rate", "0.1"),
                ("training.epochs", "2"),
            ],
            3,
            6,
        );
        let expected = [0.5, 0.5, 0.5, 0.5, 0.3, 0.1];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate.0 - expected).abs() < 1e-12, "{rates:?}");
            assert_eq!(rate.1, 0.0);
        }
    }

    #[test]
    fn a_cosine_beyond_the_last_epoch_is_refused() {
        let overrides = [("schedule.type", "cosine"), ("schedule.from", "9")];
        let overrides = overrides.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let mut recipe = Recipe::named("quickstart").unwrap().with_overrides(&overrides).unwrap();
        recipe.training.epochs = 9;
        let error = scheduler(&recipe, 10, None).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("schedule.from"), "{error}");
    }
}
