//! Test vectors for SCIM 2.0, and the code that runs them.
//!
//! `vectors/` holds the filters, paths and examples of RFC 7643 and RFC 7644, and cases from the
//! tests of other SCIM implementations, as plain JSON. [`vectors`] runs files of these formats
//! against the parser, the evaluator and the PATCH engine of this library, so that any suite that
//! is written down in the same way can be thrown at it.
//!
//! ```no_run
//! use scim2_conformance::vectors::{self, Options};
//! let report = vectors::run(&["vectors/filter"], &Options::default())?;
//! print!("{report}");
//! assert!(report.is_success());
//! # Ok::<(), vectors::VectorError>(())
//! ```

pub mod vectors;
