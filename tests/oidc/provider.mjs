// A real OpenID Connect provider on loopback for the tests. Who logs in, how well, and where it lies, is told to it
// at POST /control; nobody types anything. It ends when its standard input does.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const HOUR = 3600;
const grants = new Set();
let told;

function forget() {
  told = {
    account: 'ada-subject', // whoever sits at the browser
    claims: {}, // more of what it says of that account
    acr: undefined,
    amr: undefined,
    ago: 0, // seconds since that person logged in, as it will say
    reuse: false, // lie: do as if prompt and max_age had not been asked for
    deny: false, // the person presses Cancel
    rotate: true, // each use of a refresh token replaces it
    offline: true, // give one even where nobody was asked to consent
    gone: [], // accounts that were deleted
  };
}
forget();

function key(type, options, more) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', ...more };
}

async function body(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString() || '{}');
}

function configuration() {
  return {
    jwks: {
      keys: [
        key('rsa', { modulusLength: 2048 }, { kid: 'rsa' }),
        key('ec', { namedCurve: 'P-256' }, { kid: 'ec' }),
        key('ed25519', undefined, { kid: 'ed' }),
      ],
    },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    acrValues: ['urn:test:mfa', 'urn:test:pwd'],
    claims: {
      // Where acr, amr and auth_time do not stand under openid, they are not in the ID token either.
      openid: ['sub', 'acr', 'amr', 'auth_time', 'oid', 'tid', 'acrs', 'roles'],
      profile: ['preferred_username', 'groups'],
    },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      claimsParameter: { enabled: true },
    },
    discovery: { prompt_values_supported: ['none', 'login', 'consent'] },
    cookies: { keys: ['not a secret: it lives as long as one run of the tests'] },
    pkce: { required: () => true },
    ttl: { AccessToken: HOUR, AuthorizationCode: 60, Grant: HOUR, IdToken: HOUR, Interaction: HOUR, RefreshToken: HOUR, Session: HOUR },
    rotateRefreshToken: () => told.rotate,
    issueRefreshToken: (_, client, source) => client.grantTypeAllowed('refresh_token')
      && (told.offline || source.scopes.has('offline_access')),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    async findAccount(_, id) {
      if (told.gone.includes(id)) return undefined;
      return {
        accountId: id,
        claims: async () => ({ preferred_username: `${id}@example.test`, ...told.claims, sub: id }),
      };
    },
  };
}

async function interact(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (told.deny) {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'no' });
  }
  if (prompt.name === 'login') {
    const ts = Math.floor(Date.now() / 1000) - told.ago;
    const { account: accountId, acr, amr } = told;
    return provider.interactionFinished(request, response, { login: { accountId, acr, amr, ts } });
  }
  const known = grantId && await provider.Grant.find(grantId);
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile offline_access');
  grant.addOIDCClaims(['acrs', 'groups', 'roles', 'oid', 'tid']);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function control(provider, request, response) {
  const wanted = await body(request);
  if (wanted.forget) forget();
  if (wanted.revoke) {
    for (const id of grants) await (await provider.Grant.find(id))?.destroy();
    grants.clear();
  }
  Object.assign(told, wanted);
  response.writeHead(204).end();
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  provider.on('grant.success', (ctx) => grants.add(ctx.oidc.entities.Grant.jti));
  provider.use(async (ctx, next) => {
    if (told.reuse && ctx.path === '/auth') {
      ctx.query = Object.fromEntries(Object.entries(ctx.query).filter(([name]) => !['prompt', 'max_age'].includes(name)));
    }
    await next();
  });
  const speak = provider.callback();
  server.on('request', (request, response) => {
    const path = request.url.split('?')[0];
    const own = path === '/control' ? control : path.startsWith('/interaction/') ? interact : undefined;
    if (own === undefined) return void speak(request, response);
    return own(provider, request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
