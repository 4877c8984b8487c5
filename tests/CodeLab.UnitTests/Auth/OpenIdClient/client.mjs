// Walks the grants with a client library that nobody here wrote. Arguments come as JSON in the environment; each line of the output is one
// fact as JSON, which the test checks.
import * as oidc from 'openid-client';

const { issuer, cookie, secret, approveUrl } = JSON.parse(process.env.CODELAB_TEST);
const insecure = { execute: [oidc.allowInsecureRequests] };
const tell = (fact, value) => console.log(JSON.stringify({ fact, value }));

// The browser's part: asks with the person's cookie and follows nothing.
async function browse(url) {
  const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
  return answer.headers.get('location') ?? `${answer.status} ${await answer.text()}`;
}

async function refused(fact, work) {
  try {
    await work();
    tell(fact, 'accepted');
  } catch (fault) {
    tell(fact, fault.error ?? fault.cause?.error ?? fault.code ?? String(fault));
  }
}

async function codeFlow(config, clientId, redirectUri, scope, change = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...change,
  });
  for (const [name, value] of Object.entries(change)) if (value === '') url.searchParams.delete(name);
  return { verifier, state, nonce, location: await browse(url) };
}

const grant = (config, flow, checks = {}) =>
  oidc.authorizationCodeGrant(config, new URL(flow.location), {
    pkceCodeVerifier: flow.verifier,
    expectedState: flow.state,
    expectedNonce: flow.nonce,
    idTokenExpected: true,
    ...checks,
  });

// A native, public client.
const native = await oidc.discovery(new URL(issuer), 'codelab-cli', undefined, oidc.None(), insecure);
tell('issuer', native.serverMetadata().issuer);
const redirect = 'http://127.0.0.1:5123/callback';
const scope = 'openid profile email api:read offline_access';
const flow = await codeFlow(native, 'codelab-cli', redirect, scope);
const tokens = await grant(native, flow);
tell('code_scope', tokens.scope);
tell('id_token_name', tokens.claims().preferred_username);
tell('id_token_email', tokens.claims().email);
const info = await oidc.fetchUserInfo(native, tokens.access_token, tokens.claims().sub);
tell('userinfo_name', info.preferred_username);
const renewed = await oidc.refreshTokenGrant(native, tokens.refresh_token);
tell('refreshed', renewed.refresh_token !== tokens.refresh_token && renewed.access_token.length > 0);
await refused('code_reuse', () => grant(native, flow));
await refused('after_code_reuse', () => oidc.refreshTokenGrant(native, renewed.refresh_token));

const other = await codeFlow(native, 'codelab-cli', redirect, scope);
await refused('wrong_verifier', () => grant(native, { ...other, verifier: oidc.randomPKCECodeVerifier() }));
await refused('changed_redirect', () =>
  grant(native, { ...other, location: other.location.replace(':5123/', ':5124/') }));
const asks = async (fact, change) => {
  const { location } = await codeFlow(native, 'codelab-cli', redirect, scope, change);
  tell(fact, URL.canParse(location) ? new URL(location).searchParams.get('error') : location.slice(0, 3));
};
await asks('pkce_plain', { code_challenge_method: 'plain' });
await asks('no_pkce', { code_challenge: '', code_challenge_method: '' });
await asks('no_state', { state: '' });
await asks('foreign_redirect', { redirect_uri: 'https://evil.example/callback' });

// A confidential client: two services of the configuration.
const web = await oidc.discovery(new URL(issuer), 'wiki', undefined, oidc.ClientSecretBasic(secret), insecure);
const webFlow = await codeFlow(web, 'wiki', 'https://wiki.example.org/back', 'openid profile');
tell('web_name', (await grant(web, webFlow)).claims().name);
const service = await oidc.discovery(new URL(issuer), 'codelab-internal', undefined, oidc.ClientSecretPost('a-secret-of-the-tests-only'), insecure);
const machine = await oidc.clientCredentialsGrant(service, { scope: 'api:read' });
tell('service_scope', machine.scope);

// Device.
const device = await oidc.initiateDeviceAuthorization(native, { scope: 'openid api:read' });
await fetch(`${approveUrl}?code=${device.user_code}`, { method: 'POST' });
const fromDevice = await oidc.pollDeviceAuthorizationGrant(native, device);
tell('device_scope', fromDevice.scope);

// Introspection and revocation.
const seen = await oidc.tokenIntrospection(service, fromDevice.access_token);
tell('introspected', `${seen.active} ${seen.username} ${seen.client_id}`);
await oidc.tokenRevocation(native, fromDevice.refresh_token);
tell('introspected_after', (await oidc.tokenIntrospection(service, fromDevice.access_token)).active);
