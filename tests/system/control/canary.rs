//! No secret leaves the processes that need it.
