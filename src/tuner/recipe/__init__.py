"""A recipe: configs that differ in one thing, trained with paired seeds, and a claim about what that thing does."""
