import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { backendRejected } from '../backend-error.ts';

const iterations = 4_096;
const saltBytes = 16;

/**
 * What PostgreSQL stores for a password (RFC 5802, RFC 7677): `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`, base64.
 * Sent in place of the password, it keeps the clear text out of the log and the statistics of the server.
 *
 * @param password - Printable ASCII. Other characters are normalised differently by different clients.
 * @throws BACKEND_REJECTED for an empty password or one with other characters; the message does not hold it.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(saltBytes)): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw backendRejected(
      'the password is empty or has characters outside of printable ASCII; store another one under its secretRef',
    );
  }
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
