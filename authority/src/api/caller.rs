//! Who calls, and what for: a handler's signature says which right it takes, and one that says nothing
//! else takes an owner's.

pub(super) mod may;

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::Target;

use self::may::Right;
use super::Shared;
use crate::access::{Principal, Tenants};
use crate::enrolment::EnrolmentToken;
use crate::error::Error;
use crate::hooks::client::ShownClient;
use crate::listener::Peer;
use crate::oidc::OidcError;
use crate::operator_key::OperatorKey;
use crate::store::{Credential, Db, NewOperator, Reason};

/// An operator who holds a role that allows `R` in at least one tenant, or in all of them where `R` asks
/// for that.
#[derive(Clone, Debug)]
pub(super) struct Operator<R = may::Own> {
    /// Who it is, for the record of what was done.
    pub(super) id: String,
    /// Where `R` is allowed.
    tenants: Tenants,
    /// Where anything is.
    seen: Tenants,
    right: PhantomData<R>,
}

/// Whoever asks, if it proves to be an operator.
///
/// # Errors
/// [`Error::Database`], [`Error::Busy`].
pub(super) async fn principal(
    parts: &Parts,
    authority: &Shared,
) -> Result<Option<Principal>, Error> {
    let Some(text) = bearer(parts) else {
        return certified(parts, authority).await;
    };
    let Some(key) = OperatorKey::parse(text) else {
        return vouched(text, authority).await;
    };
    known(key.hash(), authority).await
}

/// The operator who presents what has this hash.
async fn known(hash: Digest, authority: &Shared) -> Result<Option<Principal>, Error> {
    let found = authority.gathered().operator(hash).await?;
    let found = found.map(|operator| Principal {
        id: operator.operator_id,
        grants: operator.grants,
        until: operator.expires_at,
    });
    let now = authority.now();
    Ok(found.filter(|found| found.until.is_none_or(|until| now < until)))
}

/// Whoever has shown a certificate with an operator's name in it.
async fn certified(parts: &Parts, authority: &Shared) -> Result<Option<Principal>, Error> {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<Peer>>() else {
        return Ok(None);
    };
    // The connection may be older than its certificate is good.
    let now = authority.now();
    let good = peer
        .client
        .as_ref()
        .and_then(|client| client.fingerprint(now));
    if good.is_none() {
        return Ok(None);
    }
    for name in peer.names.iter() {
        let Some(hash) = Credential::Certificate(name.clone()).hash() else {
            continue;
        };
        if let Some(found) = known(hash, authority).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The client certificate of the connection, where one was shown.
#[derive(Clone, Debug)]
pub(super) struct ByClient(Option<Peer>);

impl FromRequestParts<Shared> for ByClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        Ok(Self(peer.map(|ConnectInfo(peer)| peer.clone())))
    }
}

impl ByClient {
    /// What it shows, if it is still good: the connection may be older than that.
    pub(super) fn shown(&self, now: Timestamp) -> Option<ShownClient<'_>> {
        let peer = self.0.as_ref()?;
        let fingerprint = peer.client.as_ref()?.fingerprint(now)?;
        let names = &peer.names;
        Some(ShownClient { fingerprint, names })
    }
}

/// Whom a token of the OpenID provider vouches for. What is no token is nobody's.
async fn vouched(text: &str, authority: &Shared) -> Result<Option<Principal>, Error> {
    let Some(oidc) = authority.oidc().filter(|_| text.contains('.')) else {
        return Ok(None);
    };
    let vouched = oidc.verify(text).await?;
    let key = OperatorKey::generate(authority.random())?;
    let met = NewOperator::new(&vouched.name, &key, authority.random())?
        .presenting(Credential::Oidc(vouched.subject));
    let mut known = authority.gathered().operator(met.key_hash).await?;
    if known.is_none() && vouched.grants.is_empty() {
        // Whoever holds nothing does nothing that names it: one that nobody knows stays unknown.
        return Ok(Some(Principal {
            id: met.key_hash.to_string(),
            grants: vouched.grants,
            until: Some(vouched.until),
        }));
    }
    if known.is_none() {
        authority.db().meet_operator(&met, authority.now()).await?;
        known = authority.gathered().operator(met.key_hash).await?;
    }
    let disabled = OidcError::Refused("whom it is about was disabled here");
    let known = known.ok_or(disabled)?;
    let disabled = authority.db().disabled_tenants().await?;
    Ok(Some(Principal {
        id: known.operator_id,
        grants: vouched.grants.without(&disabled),
        until: Some(vouched.until),
    }))
}

/// What is presented in `authorization: Bearer …`.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(header::AUTHORIZATION)?;
    let (scheme, secret) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

impl<R: Right> FromRequestParts<Shared> for Operator<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        // Where requests are counted, it was looked for already.
        let found = match parts.extensions.get::<Principal>() {
            Some(found) => Some(found.clone()),
            None => principal(parts, authority).await?,
        };
        Self::of(found.ok_or(Error::OperatorRequired)?)
    }
}

impl<R: Right> Operator<R> {
    fn of(principal: Principal) -> Result<Self, Error> {
        let tenants = principal.grants.allow(R::PERMISSION);
        if tenants.is_none() || (R::EVERYWHERE && !tenants.is_all()) {
            return Err(required::<R>(R::EVERYWHERE));
        }
        Ok(Self {
            seen: principal.grants.tenants(),
            id: principal.id,
            tenants,
            right: PhantomData,
        })
    }

    /// The database, as far as it is the caller's to see.
    pub(super) fn db(&self, authority: &Shared) -> Db {
        authority.db().within(&self.seen)
    }

    /// Where it is allowed.
    pub(super) const fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// Lets what is of that tenant pass. Whoever holds nothing at all in the tenant is told what is told
    /// of something that there is not: `hidden`.
    ///
    /// # Errors
    /// `hidden`, [`Error::RoleRequired`].
    pub(super) fn over(&self, tenant: &str, hidden: Error) -> Result<(), Error> {
        if self.tenants.contains(tenant) {
            Ok(())
        } else if self.seen.contains(tenant) {
            Err(required::<R>(false))
        } else {
            Err(hidden)
        }
    }

    /// Lets what is of no one tenant pass.
    ///
    /// # Errors
    /// [`Error::RoleRequired`].
    pub(super) fn everywhere(&self) -> Result<(), Error> {
        let all = self.tenants.is_all();
        all.then_some(()).ok_or_else(|| required::<R>(true))
    }

    /// Lets an order against a target pass. A key, an issuer and everything are of no one tenant, and so
    /// is a passport whose key is to be blocked with it.
    ///
    /// # Errors
    /// [`Error::TenantNotFound`], [`Error::PassportNotFound`], [`Error::RoleRequired`],
    /// [`Error::Database`].
    pub(super) async fn against(
        &self,
        target: &Target,
        reason: Reason,
        authority: &Shared,
    ) -> Result<(), Error> {
        if self.tenants.is_all() {
            return Ok(());
        }
        if let Some(tenant) = target.tenant() {
            return self.over(tenant, Error::TenantNotFound);
        }
        match target {
            Target::Passport(_) if reason == Reason::KeyCompromise => self.everywhere(),
            Target::Passport(id) => {
                let record = self.db(authority).passport(id).await?;
                let record = record.ok_or(Error::PassportNotFound)?;
                self.over(&record.tenant, Error::PassportNotFound)
            }
            _ => self.everywhere(),
        }
    }
}

fn required<R: Right>(everywhere: bool) -> Error {
    Error::RoleRequired {
        permission: R::PERMISSION,
        everywhere,
    }
}

/// Who may have a passport issued: an operator, or the bearer of an enrolment token. Whether the
/// token is good is found out when it is redeemed.
#[derive(Debug)]
pub(super) enum Enroller {
    /// By a role.
    Operator(Operator<may::Issue>),
    /// By a token.
    Token(EnrolmentToken),
}

impl FromRequestParts<Shared> for Enroller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        match bearer(parts).and_then(EnrolmentToken::parse) {
            Some(token) => Ok(Self::Token(token)),
            None => Operator::from_request_parts(parts, authority)
                .await
                .map(Self::Operator),
        }
    }
}
