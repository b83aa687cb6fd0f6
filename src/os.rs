//! What is particular to an operating system stands here, behind `cfg`, with the nearest equal elsewhere.
