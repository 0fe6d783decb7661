/** Tables of the metadata database. Times are ISO 8601 in UTC; truth values are 0 and 1. */
export interface DatabaseSchema {
  accounts: { account_id: string; created_at: string };
  access_keys: {
    access_key_id: string;
    account_id: string;
    secret_access_key: string;
    operator: number;
    created_at: string;
    /** Null for a key of the account itself. */
    user_name: string | null;
  };
  functions: {
    account_id: string;
    function_name: string;
    /** Highest number given to a published version; never given again. */
    last_version: number;
    /** Environment revision of `$LATEST` that the last version was made of. */
    published_revision_id: string | null;
    created_at: string;
  };
  function_versions: {
    account_id: string;
    function_name: string;
    /** 0 is `$LATEST`. */
    sequence: number;
    revision_id: string;
    last_modified: string;
    /** JSON of a FunctionConfiguration. */
    configuration: string;
    archive_digest: string;
    archive_bytes: number;
    image_digest: string;
    unpacked_bytes: number;
    /** Changes with code and configuration only; null: `revision_id` was never anything else. */
    environment_revision_id: string | null;
    /** JSON of a FunctionStatus; null: active, and its last update done. */
    status: string | null;
  };
  function_aliases: {
    account_id: string;
    function_name: string;
    alias_name: string;
    /** 0 is `$LATEST`. */
    sequence: number;
    additional_sequence: number | null;
    /** 0 to 1. */
    additional_weight: number | null;
    description: string;
    revision_id: string;
  };
  provisioned_concurrency: { account_id: string; function_name: string; qualifier: string; executions: number; last_modified: string };
  /** Which layer images a version needs; the configuration's JSON has the rest. */
  function_version_layers: { account_id: string; function_name: string; sequence: number; layer_account_id: string; image_digest: string };
  /** Columns are null where nothing was set. */
  function_settings: {
    account_id: string;
    function_name: string;
    reserved_concurrency: number | null;
    recursive_loop: 'Allow' | 'Terminate' | null;
    code_signing_config_id: string | null;
  };
  code_signing_configs: {
    account_id: string;
    config_id: string;
    description: string;
    /** JSON array. */
    publishers: string;
    untrusted_code: 'Warn' | 'Enforce';
    last_modified: string;
    /** JSON object. */
    tags: string;
  };
  function_tags: { account_id: string; function_name: string; tag_key: string; tag_value: string };
  layers: { account_id: string; layer_name: string; last_version: number };
  layer_versions: {
    account_id: string;
    layer_name: string;
    version: number;
    description: string;
    license_info: string | null;
    /** JSON arrays. */
    compatible_runtimes: string;
    compatible_architectures: string;
    created_at: string;
    archive_digest: string;
    archive_bytes: number;
    image_digest: string;
    unpacked_bytes: number;
  };
  /** `qualifier` is empty for the function itself; `statements` is JSON. */
  function_policies: { account_id: string; function_name: string; qualifier: string; revision_id: string; statements: string };
  function_urls: {
    url_id: string;
    account_id: string;
    function_name: string;
    /** An alias; empty for the function itself. */
    qualifier: string;
    auth_type: 'NONE' | 'AWS_IAM';
    invoke_mode: 'BUFFERED' | 'RESPONSE_STREAM' | null;
    /** JSON. */
    cors: string | null;
    created_at: string;
    modified_at: string;
  };
  layer_policies: { account_id: string; layer_name: string; version: number; revision_id: string; statements: string };
  event_invoke_configs: {
    account_id: string;
    function_name: string;
    /** `$LATEST`, a version or an alias. */
    qualifier: string;
    /** Milliseconds since the epoch. */
    last_modified: number;
    maximum_retry_attempts: number | null;
    maximum_event_age_seconds: number | null;
    on_success: string | null;
    on_failure: string | null;
  };
  artifacts: { account_id: string; kind: 'archive' | 'image'; digest: string };
}
