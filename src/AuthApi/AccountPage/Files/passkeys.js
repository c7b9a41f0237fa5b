// Passkeys: keys on a person's devices, which sign in without a password (WebAuthn).
import { Problem, call, get, post, remove } from './api.js';
import { ask, button, cancel, form, h, say, time } from './page.js';

const { PublicKeyCredential } = window;

/** Whether this browser can use passkeys, and has them as JSON. */
export const isSupported = () => PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;

// What the browser says, in words for a person.
const words = {
  NotAllowedError: 'That was cancelled, or took too long.',
  InvalidStateError: 'This device has a passkey of your account already.',
  SecurityError: 'Passkeys of this account are for another address than that of this page.',
};

// Of several ceremonies only the last goes on: the offer in the field of the address makes way for a click.
let current;

async function ceremony(action) {
  stop();
  const own = current = new AbortController();
  try {
    return (await action(own.signal)).toJSON();
  } catch (error) {
    throw error instanceof Problem || error.name === 'AbortError' ? error : new Problem(0, { title: words[error.name] ?? `The browser refused: ${error.message}` });
  } finally {
    current = current === own ? undefined : current;
  }
}

/** Ends a ceremony that waits for the person. */
export const stop = () => current?.abort();

/** Lets the person choose a passkey, and returns what proves that they have it. */
export const choose = (path, mediation) => ceremony(async signal => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await post(path));
  return navigator.credentials.get({ publicKey, mediation, signal });
});

/** Offers the passkeys of this device in the field of the address, until one is chosen. */
export async function offer(signIn) {
  if (!isSupported() || !await PublicKeyCredential.isConditionalMediationAvailable?.() || current) {
    return;
  }

  try {
    await signIn(await choose('login/passkey/options/', 'conditional'));
  } catch (problem) {
    // Nobody has asked for anything yet; there is the password, and the button.
    if (problem.status > 0) {
      say(problem.message);
    }
  }
}

/** The section of the passkeys. */
export async function passkeys(redraw, { isRecovery = false } = {}) {
  const { items, signal } = await get('passkeys/');

  // So that the device offers none that is gone.
  await PublicKeyCredential?.signalAllAcceptedCredentials?.({
    rpId: signal.rpId, userId: signal.userId, allAcceptedCredentialIds: signal.allAcceptedCredentialIds,
  }).catch(() => {});
  return h('section', {},
    h('h2', {}, 'Passkeys'),
    h('p', {}, 'They sign you in without a password, by the lock of your device, and cannot be given away to a false page.'),
    items.length > 0 && h('ul', { class: 'list' }, items.map(item => passkey(item, redraw, items.length > 1, isRecovery))),
    isSupported()
      ? button('Add a passkey', () => add(redraw))
      : h('p', {}, 'This browser cannot use passkeys.'));
}

const passkey = (item, redraw, hasOthers, isRecovery) => h('li', { class: 'card row' },
  h('div', {},
    h('p', {}, h('strong', {}, item.name)),
    h('p', { class: 'faint' }, 'Added ', time(item.createdAt), item.lastUsedAt ? [', last used ', time(item.lastUsedAt)] : ', not used yet')),
  !isRecovery && h('div', { class: 'buttons' },
    button('Rename', async () => {
      const name = await askName(item.name);
      if (name) {
        await call('PATCH', `passkeys/${item.id}/`, { name });
        await redraw();
      }
    }, { label: `Rename ${item.name}` }),
    button('Remove', async () => {
      await remove(`passkeys/${item.id}/`);
      await redraw();
      say(`The passkey ${item.name} has been removed.`);
    }, { label: `Remove ${item.name}`, kind: 'bad' }),
    hasOthers && button('Keep this one alone', async () => {
      await remove(`passkeys/?except=${item.id}`);
      await redraw();
      say(`All passkeys but ${item.name} have been removed.`);
    }, { label: `Remove all but ${item.name}`, kind: 'bad' })));

async function add(redraw) {
  const options = await post('passkeys/options/');
  const credential = await ceremony(signal => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options), signal }));
  const name = await askName(navigator.userAgentData?.platform ?? '');
  if (!name) {
    // The device has it by now; where the browser can, it forgets it again.
    await PublicKeyCredential.signalUnknownCredential?.({ rpId: options.rp.id, credentialId: credential.id }).catch(() => {});
    say('No passkey has been added.');
    return;
  }

  await post('passkeys/', { credential, name });
  await redraw();
  say(`The passkey ${name} has been added. You can sign in with it.`);
}

const askName = value => ask('Name of the passkey', close => form({
  fields: [{ name: 'name', label: 'Name', value, hint: 'By which you know it, such as the device that it is on.' }],
  submit: 'Keep',
  send: values => close(values.name),
  more: [cancel(close)],
}));
