// Writes the Postman collection and its environment from the OpenAPI document: node postman.mjs DOCUMENT FOLDER
// Requests, their examples and what each may answer come from the document; the stories below add what is expected of them in order.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [documentFile, folder] = process.argv.slice(2);
const document = JSON.parse(readFileSync(documentFile, 'utf8'));

const resolve = thing => thing?.$ref ? resolve(thing.$ref.split('/').slice(1).reduce((found, key) => found[key], document)) : thing;

const operations = new Map(Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods)
  .filter(([, operation]) => operation.operationId)
  .map(([method, operation]) => [operation.operationId, { path, method: method.toUpperCase(), ...operation }])));

// A schema of OpenAPI 3.0 as the JSON Schema that Postman checks with: null is a type there, and number formats are unknown.
function toJsonSchema(schema) {
  if (Array.isArray(schema)) {
    return schema.map(toJsonSchema);
  }

  if (schema === null || typeof schema !== 'object') {
    return schema;
  }

  const { nullable, example, description, default: _, ...rest } = schema;
  const result = {};
  for (const [key, value] of Object.entries(rest)) {
    if (key === '$ref') {
      result.$ref = value.replace('#/components/schemas/', '#/definitions/');
    } else if (key === 'properties') {
      result.properties = Object.fromEntries(Object.entries(value).map(([name, property]) => [name, toJsonSchema(property)]));
    } else if (key !== 'format' || ['date-time', 'uuid', 'uri', 'email'].includes(value)) {
      result[key] = toJsonSchema(value);
    }
  }

  return nullable ? { anyOf: [result, { type: 'null' }] } : result;
}

// What each call may answer, for the script that looks at every answer: [method, pattern of the path, { status: [type, schema] }].
const promised = [...operations.values()].map(({ method, path, responses }) => [
  method,
  `^${path.replace(/\{[^}]+\}/g, '[^/]+').replace(/\/$/, '/?')}$`,
  Object.fromEntries(Object.entries(responses).map(([status, response]) => {
    const [type, { schema } = {}] = Object.entries(resolve(response).content ?? {})[0] ?? [];
    return [status, type ? [type, toJsonSchema(schema)] : []];
  })),
]);

// Only what an answer is made of: schemas of requests are not needed to look at one.
const needed = new Set();
function need(schema) {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)) {
    if (!needed.has(name)) {
      needed.add(name);
      need(document.components.schemas[name]);
    }
  }
}

need(promised);
const definitions = Object.fromEntries([...needed].sort().map(name => [name, toJsonSchema(document.components.schemas[name])]));

const lines = text => text.replace(/^\n|\n\s*$/g, '').split('\n');
const script = (listen, text) => ({ listen, script: { type: 'text/javascript', exec: lines(text) } });

const everyAnswer = `
// Sent too often: the request is sent again after the time that the server names.
if (pm.response.code === 429) {
  const seconds = Number(pm.response.headers.get('Retry-After'));
  console.log('429: sending "' + pm.info.requestName + '" again in ' + seconds + ' s');
  pm.execution.setNextRequest(pm.info.requestId);
  setTimeout(() => {}, seconds * 1000);
}

// Every answer, whatever was asked: no cache keeps it, and the OpenAPI document has it for this call.
const definitions = ${JSON.stringify(definitions)};
const promised = ${JSON.stringify(promised)};
const status = pm.response.code;
const type = (pm.response.headers.get('Content-Type') || '').split(';')[0];
const path = '/' + pm.request.url.path.map(part => part.startsWith(':') ? 'x' : part).join('/');
const call = promised.find(([method, pattern]) => method === pm.request.method && new RegExp(pattern).test(path));

pm.test('no cache keeps it', () => pm.response.to.have.header('Cache-Control', 'no-store'));
if (status >= 400) {
  pm.test('says what is wrong', () => {
    pm.expect(type).to.equal('application/problem+json');
    pm.expect(pm.response.json()).to.include({ status }).and.to.include.keys('title', 'code', 'traceId');
  });
}
if (call) {
  pm.test('is an answer that the document has', () => {
    pm.expect(Object.keys(call[2])).to.include(String(status));
    const [expectedType, schema] = call[2][status];
    pm.expect(type).to.equal(expectedType || '');
    if (schema) {
      pm.response.to.have.jsonSchema({ ...schema, definitions });
    } else {
      pm.expect(pm.response.text()).to.equal('');
    }
  });
}`;

const exampleOf = operation => {
  const content = resolve(operation.requestBody)?.content?.['application/json'];
  return content?.example ?? resolve(content?.schema)?.example;
};

function request(operationId, { body, query = {}, path = {}, headers = {}, auth, method } = {}) {
  const operation = operations.get(operationId);
  if (!operation) {
    throw new Error(`The document has no call ${operationId}.`);
  }

  const parts = operation.path.split('/').slice(1).map(part => part.replace(/^\{(.+)\}$/, ':$1'));
  const parameters = (operation.parameters ?? []).map(resolve);
  const variable = parameters.filter(parameter => parameter.in === 'path')
    .map(({ name, description, example }) => ({ key: name, value: path[name] ?? (operation.tags[0] === 'Administration' ? String(example) : `{{${name}}}`), description }));
  const search = parameters.filter(parameter => parameter.in === 'query')
    .map(({ name, description, example }) => ({ key: name, value: String(query[name] ?? example ?? ''), description, disabled: !(name in query) }));
  const used = search.filter(parameter => !parameter.disabled).map(parameter => `${parameter.key}=${parameter.value}`).join('&');
  const json = body === undefined && operation.requestBody ? exampleOf(operation) : body;
  return {
    method: method ?? operation.method,
    header: [
      ...(json ? [{ key: 'Content-Type', value: 'application/json' }] : []),
      ...Object.entries(headers).map(([key, value]) => ({ key, value })),
    ],
    ...(auth ? { auth } : {}),
    url: {
      raw: `{{baseUrl}}/${parts.join('/')}${used ? `?${used}` : ''}`,
      host: ['{{baseUrl}}'],
      path: parts,
      ...(search.length ? { query: search } : {}),
      ...(variable.length ? { variable } : {}),
    },
    ...(json ? { body: { mode: 'raw', raw: JSON.stringify(json, null, 2), options: { raw: { language: 'json' } } } } : {}),
    description: [operation.summary, operation.description].filter(Boolean).join('\n\n'),
  };
}

const header = token => ({
  type: 'apikey',
  apikey: [{ key: 'in', value: 'header' }, { key: 'key', value: 'Authorization' }, { key: 'value', value: `Session {{${token}}}` }],
});
const noAuth = { type: 'noauth' };

const testNames = {
  200: 'is done', 201: 'is made', 204: 'is done', 400: 'is not valid', 401: 'is not signed in', 403: 'is refused', 404: 'is not there', 405: 'is not taken', 409: 'is taken',
};

// What is expected of an answer is not expected of a 429, after which the request is sent again.
const unlessTooMany = text => `if (pm.response.code !== 429) {\n${lines(text).map(line => `  ${line}\n`).join('')}}`;

// One step of a story: what is sent, the status it must have, and what else must be true of the answer.
function step(name, operationId, status, { before, then = '', ...rest } = {}) {
  return {
    name,
    event: [
      ...(before ? [script('prerequest', before)] : []),
      script('test', unlessTooMany(`pm.test('${testNames[status]}: ${status}', () => pm.response.to.have.status(${status}));
${then.replace(/^\n/, '')}`)),
    ],
    request: request(operationId, rest),
  };
}

const set = (name, value) => `pm.collectionVariables.set('${name}', ${value});`;
const test = (name, ...expectations) => `pm.test('${name}', () => {\n${expectations.map(expectation => `  ${expectation}\n`).join('')}});`;
const text = (...parts) => parts.join('\n');

const cookieNow = `((pm.response.headers.get('Set-Cookie') || '').split(';')[0].split('=')[1] || '')`;
const cookieStays = test('sets and removes no cookie', `pm.response.to.not.have.header('Set-Cookie');`);
const cookieGone = test('removes the cookie', `pm.expect(pm.response.headers.get('Set-Cookie')).to.match(/^(__Host-)?session=;.*max-age=0/);`);
const codeIs = code => test(`is ${code}`, `pm.expect(pm.response.json().code).to.equal('${code}');`);
const fieldIsWrong = field => test(`names the field ${field}`, `pm.expect(pm.response.json().errors).to.have.all.keys('${field}');`);
const refused = text(codeIs('not_authenticated'), test('says how to sign in', `pm.response.to.have.header('WWW-Authenticate', 'Session realm="AuthApi"');`));
const loggedOut = text(
  test('says whose session ended', `pm.expect(pm.response.json().message).to.match(/^Logout successful\\. User id: \\d+$/);`),
  test('clears nothing', `pm.response.to.not.have.header('Clear-Site-Data');`));
const severalLoggedOut = ended => text(
  loggedOut,
  test('says how many sessions ended', `pm.expect(pm.response.json().endedSessions).to.equal(${ended});`));
const othersLoggedOut = text(severalLoggedOut(0), cookieStays);

// Each story has an account of its own, so that it can run again.
const account = { email: '{{email}}', password: '{{password}}' };
const register = step('Register', 'register', 201, {
  before: set('email', `pm.variables.replaceIn('{{$guid}}@example.com')`),
  auth: noAuth,
  body: account,
  then: test('is this account', `pm.expect(pm.response.json()).to.include({ email: pm.collectionVariables.get('email') });`),
});
const phoneLogin = (name, token, session, auth = noAuth) => step(name, 'login', 200, {
  auth,
  body: { ...account, transport: 'header' },
  then: text(
    test('has a token of 256 bits', `pm.expect(pm.response.json().sessionToken).to.match(/^[\\w-]{43}$/);`),
    cookieStays,
    set(token, 'pm.response.json().sessionToken'),
    set(session, 'pm.response.json().session.id')),
});

const browser = {
  name: 'A browser: cookie',
  description: 'The cookie jar keeps the cookie, as a browser does. A copy of it, made before the logout, is refused afterwards.',
  auth: noAuth,
  item: [
    register,
    step('Register with a short password', 'register', 400, {
      body: { ...account, password: 'short' },
      then: text(codeIs('validation_failed'), fieldIsWrong('password')),
    }),
    step('Register the same address again', 'register', 409, { body: account, then: codeIs('email_taken') }),
    step('Log in with a wrong password', 'login', 401, {
      body: { ...account, password: 'not the right password' },
      then: text(codeIs('invalid_credentials'), cookieStays),
    }),
    step('Log in with a body that is no login', 'login', 400, {
      body: { password: '{{password}}' },
      then: codeIs('validation_failed'),
    }),
    step('Log in', 'login', 200, {
      body: account,
      then: text(
        test('puts the token in a cookie that no page can read, and nowhere else',
          `pm.expect(pm.response.headers.get('Set-Cookie')).to.match(/^(__Host-)?session=[\\w-]{43};.*samesite=strict.*httponly/);`,
          `pm.expect(pm.response.json()).to.not.have.property('sessionToken');`),
        set('copiedCookie', cookieNow)),
    }),
    step('Who am I', 'me', 200, {
      then: test('is the account that logged in', `pm.expect(pm.response.json().email).to.equal(pm.collectionVariables.get('email'));`,
        `pm.expect(pm.response.json().session).to.include({ current: true, transport: 'cookie' });`),
    }),
    step('Where am I signed in', 'listSessions', 200, {
      then: test('is here only', `pm.expect(pm.response.json().items.map(session => session.current)).to.eql([true]);`),
    }),
    step('What happened', 'activity', 200, {
      query: { limit: 10 },
      then: test('has the login and the failed one, the latest first',
        `pm.expect(pm.response.json().items.map(item => item.event)).to.eql(['signed_in', 'sign_in_failed']);`),
    }),
    step('Prove again who I am, with a wrong password', 'reauthenticate', 403, {
      body: { password: 'not the right password' },
      then: text(codeIs('invalid_credentials'), cookieStays),
    }),
    step('Prove again who I am', 'reauthenticate', 200, {
      body: { password: '{{password}}' },
      then: text(
        test('renews the cookie',
          `pm.expect(${cookieNow}).to.match(/^[\\w-]{43}$/).and.to.not.equal(pm.collectionVariables.get('copiedCookie'));`),
        set('copiedCookie', cookieNow)),
    }),
    step('Log out the others', 'logout', 200, { query: { scope: 'others' }, then: othersLoggedOut }),
    step('Log out', 'logout', 200, { then: text(loggedOut, cookieGone) }),
    step('Replay the copied cookie', 'me', 401, { headers: { Cookie: '{{cookieName}}={{copiedCookie}}' }, then: text(refused, cookieStays) }),
    step('Log out with the copied cookie', 'logout', 401, { headers: { Cookie: '{{cookieName}}={{copiedCookie}}' }, then: text(refused, cookieGone) }),
  ],
};

const phone = {
  name: 'A phone: header',
  description: 'The token comes in the body of the login and travels in the header `Authorization: Session TOKEN`. A second phone signs in and is lost.',
  auth: header('sessionToken'),
  item: [
    register,
    phoneLogin('Log in', 'sessionToken', 'sessionId'),
    step('Who am I', 'me', 200, {
      then: test('is a header session', `pm.expect(pm.response.json().session).to.include({ current: true, transport: 'header' });`),
    }),
    phoneLogin('Log in on a second phone', 'otherToken', 'otherSessionId'),
    step('Where am I signed in', 'listSessions', 200, {
      then: test('is on both', `pm.expect(pm.response.json().items.map(session => session.id)).to.have.members([
    pm.collectionVariables.get('sessionId'), pm.collectionVariables.get('otherSessionId')]);`),
    }),
    step('Prove again who I am', 'reauthenticate', 200, {
      body: { password: '{{password}}' },
      then: text(
        test('keeps the session and renews its token',
          `pm.expect(pm.response.json().session.id).to.equal(pm.collectionVariables.get('sessionId'));`,
          `pm.expect(pm.response.json().sessionToken).to.match(/^[\\w-]{43}$/).and.to.not.equal(pm.collectionVariables.get('sessionToken'));`),
        set('oldToken', `pm.collectionVariables.get('sessionToken')`),
        set('sessionToken', 'pm.response.json().sessionToken')),
    }),
    step('Replay the renewed token', 'me', 401, { auth: header('oldToken'), then: text(refused, cookieStays) }),
    step('End the lost phone', 'endSession', 204, { path: { id: '{{otherSessionId}}' } }),
    step('End it again', 'endSession', 404, { path: { id: '{{otherSessionId}}' }, then: codeIs('not_found') }),
    step('The lost phone', 'me', 401, { auth: header('otherToken'), then: refused }),
    step('What happened', 'activity', 200, {
      query: { limit: 3 },
      then: test('has it, the latest first',
        `pm.expect(pm.response.json().items.map(item => item.event)).to.eql(['session_revoked', 'reauthenticated', 'signed_in']);`),
    }),
    step('Log out of a scope that does not exist', 'logout', 400, { query: { scope: 'everybody' }, then: fieldIsWrong('scope') }),
    step('Log out by GET', 'logout', 405, {
      method: 'GET',
      then: text(codeIs('method_not_allowed'), test('says how', `pm.response.to.have.header('Allow', 'POST');`)),
    }),
    step('Log out the others', 'logout', 200, { query: { scope: 'others' }, then: othersLoggedOut }),
    step('Log out', 'logout', 200, { then: text(loggedOut, cookieStays) }),
    step('Replay the token', 'me', 401, { then: text(refused, cookieStays) }),
    step('Log out with the token again', 'logout', 401, { then: text(refused, set('sessionToken', `''`)) }),
  ],
};

const everywhere = {
  name: 'Log out everywhere',
  description: 'Two devices of one person; one of them ends both.',
  auth: header('sessionToken'),
  item: [
    register,
    phoneLogin('Log in', 'sessionToken', 'sessionId'),
    phoneLogin('Log in on a second device', 'otherToken', 'otherSessionId'),
    step('Log out everywhere', 'logout', 200, { query: { scope: 'all' }, then: severalLoggedOut(2) }),
    step('This device', 'me', 401, { then: refused }),
    step('The other device', 'me', 401, { auth: header('otherToken'), then: text(refused, set('sessionToken', `''`)) }),
  ],
};

// Keeps the answer of a login, so that the next calls by hand are sent with its session.
const remember = `
const answer = pm.response.code === 200 ? pm.response.json() : {};
if (answer.session) {
  ${set('id', 'answer.session.id')}
}
${set('sessionToken', `answer.sessionToken || ''`)}`;
const kept = { login: remember, reauthenticate: `if (pm.response.code === 200) {\n  ${set('sessionToken', `pm.response.json().sessionToken || ''`)}\n}` };

const calls = {
  name: 'Calls',
  description: text(
    'Each call of the API once, with the example of the OpenAPI document, to send by hand. `login` keeps you signed in: by its cookie, or with',
    '`"transport": "header"` by its token, which is then sent with each call of this folder. Each answer must be one of the document.'),
  auth: noAuth,
  event: [script('prerequest', `
if (pm.collectionVariables.get('sessionToken')) {
  pm.request.headers.upsert({ key: 'Authorization', value: 'Session ' + pm.collectionVariables.get('sessionToken') });
}`)],
  item: document.tags.map(({ name, description }) => ({
    name,
    description,
    item: [...operations].filter(([, operation]) => operation.tags[0] === name).map(([operationId, operation]) => ({
      name: operation.summary,
      ...(kept[operationId] ? { event: [script('test', kept[operationId])] } : {}),
      request: request(operationId),
    })),
  })),
};

const variables = {
  baseUrl: 'http://localhost:5080', cookieName: 'session', password: 'correct horse battery staple',
  email: '', sessionToken: '', sessionId: '', otherToken: '', otherSessionId: '', oldToken: '', copiedCookie: '',
  id: resolve(operations.get('endSession').parameters[0]).example,
};

const collection = {
  info: {
    name: document.info.title,
    description: text(
      document.info.description.split('\n')[0],
      '',
      'Generated from docs/openapi.json. The stories run as they are, again and again: after a 429 they wait as long as the server says. The folder *Calls* has',
      'each call once, to send by hand.'),
    schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
  },
  auth: noAuth,
  event: [script('test', everyAnswer)],
  variable: Object.entries(variables).map(([key, value]) => ({ key, value })),
  item: [browser, phone, everywhere, calls],
};

const environment = {
  name: 'AuthApi in Development',
  values: [
    { key: 'baseUrl', value: variables.baseUrl, type: 'default', enabled: true },
    { key: 'cookieName', value: variables.cookieName, type: 'default', enabled: true },
  ],
  _postman_variable_scope: 'environment',
};

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'AuthApi.postman_collection.json'), `${JSON.stringify(collection, null, 2)}\n`);
writeFileSync(join(folder, 'AuthApi.postman_environment.json'), `${JSON.stringify(environment, null, 2)}\n`);
