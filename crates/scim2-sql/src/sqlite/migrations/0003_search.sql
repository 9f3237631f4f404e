-- Values as comparison keys, in the shape of the document: what filters look into.
ALTER TABLE scim_resource ADD COLUMN search BLOB NOT NULL DEFAULT (x'0c');

-- Only what knows the schemas can fill it: those who open a file with resources in it must ask
-- for keys to be made anew.
DELETE FROM scim_meta WHERE k = 'fold_version' AND EXISTS (SELECT 1 FROM scim_resource);
