import { onConnection } from './server-connection.ts';

/** What the server itself says, read on a connection that nothing else has used. */
export interface Reality {
  readonly databases: ReadonlyMap<string, RealDatabase>;
  readonly roles: ReadonlySet<string>;
}

export interface RealDatabase {
  readonly owner: string;
  /** -1 is no limit. */
  readonly connectionLimit: number;
  /** `role: PRIVILEGE`, for whoever was given one by name. */
  readonly grants: readonly string[];
}

export async function readReality(adminUrl: string): Promise<Reality> {
  return onConnection(adminUrl, async (client) => {
    const databases = await client.query<RealDatabase & { name: string }>(
      `SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner, d.datconnlimit AS "connectionLimit",
         (SELECT coalesce(array_agg(g.rolname || ': ' || a.privilege_type ORDER BY 1), '{}')
          FROM aclexplode(d.datacl) a JOIN pg_roles g ON g.oid = a.grantee
          WHERE a.grantee <> d.datdba) AS grants
       FROM pg_database d WHERE NOT d.datistemplate`,
    );
    const roles = await client.query<{ name: string }>('SELECT rolname AS name FROM pg_roles');
    return {
      databases: new Map(databases.rows.map(({ name, ...facts }) => [name, facts])),
      roles: new Set(roles.rows.map(({ name }) => name)),
    };
  });
}

export interface LoginCheck {
  readonly database: string;
  readonly role: string;
  /** The server let the role in with the generated password, and it was the role that came in. */
  readonly ok: boolean;
  /** A wrong password was refused; without that `ok` proves nothing about the password. */
  readonly wrongPasswordRefused: boolean;
  /** How the server keeps the password. */
  readonly storedAs: 'scram-sha-256' | 'md5' | 'unknown';
  readonly error: string | null;
}

/** Logs in to a database as its owner role, with the right password and with a wrong one. Neither is in the answer. */
export async function checkLogin(
  adminUrl: string,
  target: { readonly database: string; readonly role: string; readonly password: string },
): Promise<LoginCheck> {
  const { database, role, password } = target;
  const right = await login(adminUrl, database, role, password);
  const wrong = await login(adminUrl, database, role, `not-${password}`);
  return {
    database,
    role,
    ok: right.role === role,
    wrongPasswordRefused: wrong.code === '28P01',
    storedAs: await storedAs(adminUrl, role),
    error: right.role === role ? null : `SQLSTATE ${right.code}`,
  };
}

async function login(
  adminUrl: string,
  database: string,
  user: string,
  password: string,
): Promise<{ role: string | undefined; code: string }> {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  url.pathname = `/${encodeURIComponent(database)}`;
  try {
    return await onConnection(url.href, async (client) => {
      const { rows } = await client.query<{ role: string }>('SELECT session_user AS role');
      return { role: rows[0]?.role, code: '' };
    });
  } catch (error) {
    return { role: undefined, code: Error.isError(error) && 'code' in error ? String(error.code) : 'unknown' };
  }
}

/** Only a superuser may look. */
async function storedAs(adminUrl: string, role: string): Promise<LoginCheck['storedAs']> {
  const kind = await onConnection(adminUrl, async (client) => {
    const { rows } = await client.query<{ kind: string }>(
      `SELECT split_part(rolpassword, '$', 1) AS kind FROM pg_authid WHERE rolname = $1`,
      [role],
    );
    return rows[0]?.kind ?? '';
  }).catch(() => '');
  if (kind === 'SCRAM-SHA-256') return 'scram-sha-256';
  return kind.startsWith('md5') ? 'md5' : 'unknown';
}
