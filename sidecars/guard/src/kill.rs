//! The kill switch carried out at the venue, by guard or by a person's tool.
