//! One call, from the model's arguments to the answer it gets.
