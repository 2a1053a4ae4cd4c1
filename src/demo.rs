use crate::{lang::pack::Pack,store::{Store,StoreError}};
pub const RULES: &[(&str,&str)] = &[]; pub const SETTINGS: &str = include_str!("../bylaws.toml");
pub fn build(_: &mut Store, _: &Pack, _: jiff::Timestamp) -> Result<(), StoreError> { Ok(()) }
