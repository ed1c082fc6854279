//! What can go wrong when frames are read.
