//! The command line: flags are parsed to plain data, validated, then run.
