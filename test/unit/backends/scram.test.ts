import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { scramVerifier } from '../../../src/backends/postgres/scram.ts';

describe('a SCRAM verifier', () => {
  it('lets a client prove the password of the example of RFC 7677', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = await scramVerifier('pencil', salt);
    expect(verifier).toMatch(/^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);

    const [storedKey, serverKey] = verifier
      .split('$')[2]!
      .split(':')
      .map((key) => Buffer.from(key, 'base64'));
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const message = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const signature = createHmac('sha256', storedKey!).update(message).digest();
    const clientKey = proof.map((byte, index) => byte ^ signature[index]!);

    expect(createHash('sha256').update(clientKey).digest()).toEqual(storedKey);
    expect(createHmac('sha256', serverKey!).update(message).digest('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  it('differs each time for the same password, and never holds it', async () => {
    const [one, two] = await Promise.all([scramVerifier('correct horse'), scramVerifier('correct horse')]);
    expect(one).not.toBe(two);
    expect(one).not.toContain('horse');
    const salt = Buffer.from(one.split(/[:$]/)[2]!, 'base64');
    expect(salt).toHaveLength(16);
    expect(one).toContain(
      createHmac('sha256', pbkdf2Sync('correct horse', salt, 4_096, 32, 'sha256'))
        .update('Server Key')
        .digest('base64'),
    );
  });

  it.each(['', 'pässword', 'tab\tin it', 'nul\0'])('refuses the password %j without saying it', async (password) => {
    const error: unknown = await scramVerifier(password).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'BACKEND_REJECTED', retryable: false });
    if (password !== '') expect(String(error)).not.toContain(password);
  });
});
