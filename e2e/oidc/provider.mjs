// An OpenID provider on loopback for the tests of sign-in: node provider.mjs PORT ALGORITHM KEY-ID
// CALLBACK. It signs everybody in as the `login_hint` of their request, or as alice, without asking.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tools = join(dirname(fileURLToPath(import.meta.url)), '../../target/tools/oidc/');
const { Provider } = await import(createRequire(tools).resolve('oidc-provider'));
const [port, algorithm, kid, callback] = process.argv.slice(2);
const kinds = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
const jwk = kinds[algorithm]().privateKey.export({ format: 'jwk' });
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'gate', client_secret: 'the secret of the gate', redirect_uris: [callback],
    id_token_signed_response_alg: algorithm, token_endpoint_auth_method: 'client_secret_basic',
  }],
  jwks: { keys: [{ ...jwk, kid, use: 'sig', alg: algorithm }] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
  pkce: { required: () => true },
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], groups: ['groups'] },
  scopes: ['openid', 'groups'],
  cookies: { keys: ['only a test'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, groups: id === 'alice' ? ['staff'] : [] }) }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid groups');
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  const { params } = await provider.interactionDetails(request, response);
  const login = { accountId: params.login_hint ?? 'alice' };
  return provider.interactionFinished(request, response, { login });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
