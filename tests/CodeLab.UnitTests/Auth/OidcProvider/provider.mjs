// An OpenID Provider as others run it: oidc-provider with its own pages, one client, and people whose groups are in their name
// ("grace+eng-leads" is grace of the group eng-leads). Says its address on the first line.
import { Provider } from 'oidc-provider';

const { port, clientId, clientSecret, redirectUri } = JSON.parse(process.env.CODELAB_TEST);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  scopes: ['openid', 'profile', 'email', 'groups'],
  cookies: { keys: ['of-this-test-only'] },
  findAccount: (_, id) => {
    const [name, ...groups] = id.split('+');
    return {
      accountId: id,
      // The person is the name: the groups around it change.
      claims: () => ({
        sub: id,
        name,
        preferred_username: name,
        email: `${name}@example.com`,
        email_verified: true,
        groups,
      }),
    };
  },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
