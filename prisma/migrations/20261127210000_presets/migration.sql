-- Presets of the configuration file are told apart from those of the API, so that they go when they leave the file.
-- Those there are count as the API's; the file takes over the ones that say what it says (lib/control/config-file.ts).
ALTER TABLE preset ADD COLUMN managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config'));
