//! The suite that every backend passes, a memory vault with every capability, and scripted faults.
