//! Reconciles StreamGate, TranscodeJob and AlertPolicy.
