//! The ranges of a recipe's values.

use super::error::RecipeError;
use super::parts::{
    ModelRecipe, OptimiserRecipe, Recipe, RegulariseRecipe, ScheduleRecipe, TrainingRecipe,
};

impl Recipe {
    /// Checks every range that does not depend on the cell or the data.
    ///
    /// # Errors
    /// [`RecipeError::Invalid`] for the first field out of range.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let name_ok = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let named = !self.name.is_empty() && self.name.chars().all(name_ok);
        require(named, "name", &self.name, "use letters, digits, `-` and `_` (it names a folder)")?;
        require(
            i64::try_from(self.seed).is_ok(),
            "seed",
            self.seed,
            "use a number below 2^63, the largest that TOML holds",
        )?;
        self.model.validate()?;
        self.training.validate()?;
        self.optimiser.validate()?;
        self.schedule.validate()?;
        self.regularise.validate()
    }
}

impl ModelRecipe {
    fn validate(&self) -> Result<(), RecipeError> {
        let sizes = !self.layers.is_empty() && self.layers.iter().all(|&units| units > 0);
        let layers = format!("{:?}", self.layers);
        require(
            sizes,
            "model.layers",
            layers,
            "give at least one layer, each of at least one unit",
        )?;
        for (field, drop) in
            [("model.dropout", self.dropout), ("model.head_dropout", self.head_dropout)]
        {
            require((0.0..1.0).contains(&drop), field, drop, "use a probability in [0, 1)")?;
        }
        Ok(())
    }
}

impl TrainingRecipe {
    fn validate(&self) -> Result<(), RecipeError> {
        let positive = "use a number of at least 1";
        require(self.epochs > 0, "training.epochs", self.epochs, positive)?;
        let most = "use at most 10000000";
        require(self.epochs <= 10_000_000, "training.epochs", self.epochs, most)?;
        require(self.batch_size > 0, "training.batch_size", self.batch_size, positive)?;
        require(self.accumulate > 0, "training.accumulate", self.accumulate, positive)?;
        let clip = "use a positive norm, or 0 to switch clipping off";
        require(not_negative(self.clip_norm), "training.clip_norm", self.clip_norm, clip)
    }
}

impl OptimiserRecipe {
    fn validate(&self) -> Result<(), RecipeError> {
        let rate = self.learning_rate;
        require(positive(rate), "optimiser.learning_rate", rate, "use a positive rate")?;
        for (field, beta) in [("optimiser.beta1", self.beta1), ("optimiser.beta2", self.beta2)] {
            require((0.0..1.0).contains(&beta), field, beta, "use a decay in [0, 1)")?;
        }
        require(
            positive(self.epsilon),
            "optimiser.epsilon",
            self.epsilon,
            "use a small positive number, such as 1e-8",
        )?;
        let decay = self.weight_decay;
        let remedy = "use a number of at least 0";
        require(not_negative(decay), "optimiser.weight_decay", decay, remedy)?;
        for group in &self.group {
            let field = |key: &str| format!("optimiser.group.{key} of `{}`", group.pattern);
            require(
                !group.pattern.is_empty(),
                "optimiser.group.match",
                "empty",
                "use a part of the parameters' path",
            )?;
            let (factor, decay) = (group.rate_factor, group.weight_decay.unwrap_or(0.0));
            require(not_negative(factor), &field("rate_factor"), factor, remedy)?;
            require(not_negative(decay), &field("weight_decay"), decay, remedy)?;
        }
        Ok(())
    }
}

impl ScheduleRecipe {
    fn validate(&self) -> Result<(), RecipeError> {
        match *self {
            Self::Constant => Ok(()),
            Self::Step { every, gamma } => {
                require(every > 0, "schedule.every", every, "use a number of at least 1")?;
                require(positive(gamma), "schedule.gamma", gamma, "use a positive factor")
            }
            Self::Cosine { final_rate, .. } => {
                require(not_negative(final_rate), "schedule.final_rate", final_rate, RATE)
            }
            Self::OneCycle { warm_up, start_rate, final_rate } => {
                let share = (0.0..1.0).contains(&warm_up);
                require(share, "schedule.warm_up", warm_up, "use a share in [0, 1)")?;
                require(not_negative(start_rate), "schedule.start_rate", start_rate, RATE)?;
                require(not_negative(final_rate), "schedule.final_rate", final_rate, RATE)
            }
        }
    }
}

impl RegulariseRecipe {
    fn validate(&self) -> Result<(), RecipeError> {
        for (field, weight) in [
            ("regularise.activity.weight", self.activity.weight),
            ("regularise.state.weight", self.state.weight),
            ("regularise.activation", self.activation),
            ("regularise.temporal", self.temporal),
        ] {
            require(not_negative(weight), field, weight, "use a number of at least 0")?;
        }
        let margin = self.state.margin;
        require(margin.is_finite(), "regularise.state.margin", margin, "use a finite number")?;
        let target = self.activity.target;
        let share = (0.0..=1.0).contains(&target);
        require(share, "regularise.activity.target", target, "use a share in [0, 1]")
    }
}

const RATE: &str = "use a rate of at least 0";

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn not_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn require(
    holds: bool,
    field: &str,
    value: impl std::fmt::Display,
    remedy: &str,
) -> Result<(), RecipeError> {
    if holds {
        return Ok(());
    }
    Err(RecipeError::Invalid {
        field: field.to_owned(),
        value: value.to_string(),
        remedy: remedy.to_owned(),
    })
}
