-- +goose Up
-- What people need beyond a password: second factors, mailed links, groups and roles.

-- handle: by which a credential is found without its person (a passkey's credential id, a recovery code's hash).
-- counter: what must only grow (the last TOTP step used, a passkey's sign count).
ALTER TABLE credentials ADD COLUMN handle TEXT;
ALTER TABLE credentials ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN counter BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX credentials_handle ON credentials (kind, handle) WHERE handle IS NOT NULL;
CREATE UNIQUE INDEX credentials_totp ON credentials (user_id) WHERE kind = 'totp';

-- frozen: "this wasn't me"; nobody signs in until the password is reset. erase: when a deletion asked for is carried out.
-- terms: the version of the terms of service that was accepted.
ALTER TABLE users ADD COLUMN frozen_at BIGINT;
ALTER TABLE users ADD COLUMN erase_at BIGINT;
ALTER TABLE users ADD COLUMN terms TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN terms_at BIGINT;
CREATE INDEX users_erase ON users (erase_at) WHERE erase_at IS NOT NULL;

-- A ticket is a permission that is used once and dies soon: a mailed link or code, a passkey ceremony, an invitation.
-- owner is whom it is for: a person's id, an address, a browser.
CREATE TABLE tickets (
    id          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    purpose     TEXT NOT NULL,
    owner       TEXT NOT NULL,
    data        TEXT NOT NULL DEFAULT '{}',
    guesses     BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX tickets_owner ON tickets (owner, purpose);
CREATE INDEX tickets_purpose ON tickets (purpose, id);
CREATE INDEX tickets_expiry ON tickets (expires_at);

CREATE TABLE groups (
    name        TEXT PRIMARY KEY,
    description TEXT NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL
);
CREATE TABLE group_members (
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (group_name, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

-- A role is held by a person or by all of a group; holder_kind is user or group.
CREATE TABLE roles (
    name        TEXT PRIMARY KEY,
    description TEXT NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL
);
CREATE TABLE role_holders (
    role        TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    holder_kind TEXT NOT NULL,
    holder      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (role, holder_kind, holder)
);
CREATE INDEX role_holders_holder ON role_holders (holder_kind, holder);

-- +goose Down
DROP TABLE role_holders;
DROP TABLE roles;
DROP TABLE group_members;
DROP TABLE groups;
DROP TABLE tickets;
DROP INDEX users_erase;
ALTER TABLE users DROP COLUMN terms_at;
ALTER TABLE users DROP COLUMN terms;
ALTER TABLE users DROP COLUMN erase_at;
ALTER TABLE users DROP COLUMN frozen_at;
DROP INDEX credentials_totp;
DROP INDEX credentials_handle;
ALTER TABLE credentials DROP COLUMN counter;
ALTER TABLE credentials DROP COLUMN name;
ALTER TABLE credentials DROP COLUMN handle;
