//! guard watches the account with the trader alive, hung or gone.
