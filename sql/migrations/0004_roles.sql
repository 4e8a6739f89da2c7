-- For which tenants a role may submit, and whose tasks it may see. A role in a group role has that one's tenants, too.
CREATE TABLE tenant_roles (
    role_name name NOT NULL,
    tenant_id text NOT NULL CHECK (tenant_id ~ '^[^[:cntrl:]]+$' AND octet_length(tenant_id) <= 200),
    PRIMARY KEY (role_name, tenant_id)
);
