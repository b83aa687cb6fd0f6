//! Tests against real programs. They are in the folders beside this one, one per area.
