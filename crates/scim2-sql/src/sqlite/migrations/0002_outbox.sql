-- Changes that are still to be told, each written in the transaction of the change.
CREATE TABLE scim_outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant INTEGER NOT NULL REFERENCES scim_tenant (tenant),
  domain TEXT,                    -- the provisioning domain of the client that made the change
  rtype INTEGER NOT NULL REFERENCES scim_name (name_id),
  id ANY NOT NULL,
  version TEXT NOT NULL,
  at INTEGER NOT NULL,            -- milliseconds since 1970
  record TEXT NOT NULL            -- JSON
) STRICT;

-- Up to where each subscriber has been told.
CREATE TABLE scim_subscriber (
  name TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
