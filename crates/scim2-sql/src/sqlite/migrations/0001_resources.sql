-- Names of tenants, resource types and attribute paths, each as a number.
CREATE TABLE scim_tenant (
  tenant INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE scim_name (
  name_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- One row a resource. Identifiers are 16 bytes where they are canonical UUIDs, else text.
CREATE TABLE scim_resource (
  pk INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant INTEGER NOT NULL REFERENCES scim_tenant (tenant),
  rtype INTEGER NOT NULL REFERENCES scim_name (name_id),
  id ANY NOT NULL,
  version INTEGER NOT NULL,
  created INTEGER NOT NULL,       -- milliseconds since 1970
  modified INTEGER NOT NULL,
  display_name TEXT,              -- how others show it
  user_name TEXT,
  doc TEXT NOT NULL               -- without id, meta, members, groups and secrets
) STRICT;
CREATE UNIQUE INDEX scim_resource_id ON scim_resource (tenant, id);
CREATE INDEX scim_resource_order ON scim_resource (tenant, rtype, id);

-- Values that are unique in the tenant, as comparison keys.
CREATE TABLE scim_uniq (
  tenant INTEGER NOT NULL,
  path INTEGER NOT NULL REFERENCES scim_name (name_id),
  key TEXT NOT NULL,
  pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  PRIMARY KEY (tenant, path, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_uniq_pk ON scim_uniq (pk);

-- Values that filters look for, as comparison keys.
CREATE TABLE scim_idx (
  tenant INTEGER NOT NULL,
  rtype INTEGER NOT NULL,
  path INTEGER NOT NULL REFERENCES scim_name (name_id),
  key TEXT NOT NULL,
  pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  PRIMARY KEY (tenant, rtype, path, key, pk)
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_idx_pk ON scim_idx (pk);

-- One row a membership. The member need not exist.
CREATE TABLE scim_member (
  group_pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  member ANY NOT NULL,
  tenant INTEGER NOT NULL,
  element TEXT,                   -- what the client said of it beside `value`
  PRIMARY KEY (group_pk, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_member_of ON scim_member (tenant, member, group_pk);

-- Singular references such as `manager`, by what they point to.
CREATE TABLE scim_ref (
  tenant INTEGER NOT NULL,
  target ANY NOT NULL,
  pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  path INTEGER NOT NULL REFERENCES scim_name (name_id),
  required INTEGER NOT NULL,      -- then it stays when the target goes
  PRIMARY KEY (tenant, target, pk, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_ref_pk ON scim_ref (pk);

-- `externalId` as each provisioning domain set it; the common one is in the document.
CREATE TABLE scim_external (
  pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  domain TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (pk, domain)
) STRICT, WITHOUT ROWID;

-- Hashes of what is never read back.
CREATE TABLE scim_secret (
  pk INTEGER NOT NULL REFERENCES scim_resource (pk) ON DELETE CASCADE,
  path INTEGER NOT NULL REFERENCES scim_name (name_id),
  hash TEXT NOT NULL,
  PRIMARY KEY (pk, path)
) STRICT, WITHOUT ROWID;
