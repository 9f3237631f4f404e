-- The rules that the keys of each resource type were made by are kept in scim_meta from now on. Which
-- they were is not known: those who open a file with resources in it must ask for keys to be made
-- anew.
DELETE FROM scim_meta WHERE k = 'fold_version' AND EXISTS (SELECT 1 FROM scim_resource);
