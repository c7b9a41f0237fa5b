// The ways in: sign in, register, confirm an address, set a new password.
import { post } from './api.js';
import { ask, button, cancel, form, h, say, show } from './page.js';
import { secondStep } from './factors.js';
import { choose, isSupported, offer } from './passkeys.js';
import { go, signedIn, state } from './main.js';

const email = value => ({ name: 'email', label: 'E-mail address', type: 'email', autocomplete: 'email', value });
const newPassword = (name = 'password', label = 'Password') => ({
  name, label, type: 'password', autocomplete: 'new-password',
  hint: 'At least 15 characters of any kind, also spaces. A few words that have nothing to do with each other are good.',
});
const code = value => ({
  name: 'code', label: 'Code from the message', autocomplete: 'one-time-code', kind: 'code', value,
  hint: '12 letters and digits. Case, spaces and hyphens do not count.',
});
const link = (view, text) => h('p', {}, h('a', { href: `#${view}` }, text));

export function signIn({ reason, isEnded } = {}) {
  show('Sign in',
    reason && h('p', { class: isEnded ? 'card ended' : 'card', role: isEnded ? 'alert' : undefined }, reason),
    h('section', { class: 'narrow' },
      form({
        fields: [
          { name: 'email', label: 'E-mail address or user name', autocomplete: 'username webauthn', inputmode: 'email' },
          { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
          { name: 'rememberMe', label: 'Keep me signed in on this device', type: 'checkbox', hint: 'Only on a device of your own.' },
        ],
        names: { userName: 'email' },
        submit: 'Sign in',
        send: logIn,
      }),
      isSupported() && button('Sign in with a passkey', async () => signInWith(await choose('login/passkey/options/'))),
      link('forgot', 'I have forgotten my password'),
      link('register', 'Create an account')));
  void offer(signInWith);
}

async function signInWith(credential) {
  await post('login/passkey/', { credential, rememberMe: document.querySelector('[name=rememberMe]').checked });
  await signedIn();
}

async function logIn({ email: name, password, rememberMe }) {
  const who = name.includes('@') ? { email: name.trim() } : { userName: name.trim() };
  try {
    await post('login/', { ...who, password, rememberMe });
  } catch (problem) {
    if (problem.code === 'two_factor_required') {
      const step = secondStep(async factor => {
        await post('login/', { ...who, password, rememberMe, ...factor });
        await signedIn();
      });
      show('Second step', h('section', { class: 'narrow' }, step.place));
      return step.start();
    }

    if (problem.code === 'email_not_confirmed') {
      return go('confirm', { email: who.email, reason: 'The password is right. Confirm your address first: type the code from the message that was mailed to you.' });
    }

    if (problem.code === 'password_change_required') {
      return go('forgot', { reason: problem.message });
    }

    throw problem;
  }

  await signedIn();
}

export function register() {
  show('Create an account', h('section', { class: 'narrow' },
    form({
      fields: [
        email(),
        newPassword(),
        { name: 'userName', label: 'User name (if you like)', autocomplete: 'nickname', isOptional: true, hint: 'A name to sign in with beside the address: letters, digits, dots, hyphens and underscores.' },
      ],
      submit: 'Create the account',
      send: async values => {
        const answer = await post('register/', { ...values, userName: values.userName || undefined });
        if ('id' in answer) {
          await post('login/', { email: values.email.trim(), password: values.password });
          say('Your account has been created, and you are signed in.');
          await signedIn();
        } else {
          await go('confirm', { email: values.email.trim(), reason: answer.message });
        }
      },
    }),
    link('signin', 'I have an account already')));
}

export function confirm({ email: address, code: given, reason } = {}) {
  show('Confirm your address',
    reason && h('p', { class: 'card' }, reason),
    h('section', { class: 'narrow' },
      form({
        fields: [email(address), code(given)],
        submit: 'Confirm',
        send: async values => {
          await post('email/confirm/', values);
          if (state.me) {
            say('Your address is confirmed.');
            await signedIn();
          } else {
            await go('signin');
            say('Your address is confirmed. Sign in with your password.');
          }
        },
      }),
      form({
        fields: [{ ...email(address), label: 'No message? Your e-mail address' }],
        submit: 'Mail another code',
        kind: '',
        send: async values => say((await post('email/confirm/resend/', values)).message),
      })));
}

export function forgot({ reason } = {}) {
  show('Set a new password', reason && h('p', { class: 'card' }, reason), h('section', { class: 'narrow' },
    h('p', {}, 'A code will be mailed to the address of your account.'),
    form({
      fields: [email()],
      submit: 'Mail me a code',
      send: async values => go('reset', { email: values.email.trim(), reason: (await post('password/forgot/', values)).message }),
    }),
    link('signin', 'Back')));
}

export function reset({ email: address, code: given, reason } = {}) {
  show('Set a new password',
    reason && h('p', { class: 'card' }, reason),
    h('section', { class: 'narrow' },
      h('p', {}, 'All devices will be logged out, and you sign in with the new password.'),
      form({
        fields: [email(address), code(given), newPassword('newPassword', 'New password')],
        submit: 'Set the password',
        send: async values => {
          await post('password/reset/', values);
          state.me = null;
          await go('signin');
          say('The password is set, and all devices are logged out. Sign in with the new one.');
        },
      }),
      link('recover', 'I have lost my authenticator app or passkey, and have a recovery code'),
      link('forgot', 'Mail me another code')));
}

export function recover({ email: address, code: given } = {}) {
  show('Recover your account', h('section', { class: 'narrow' },
    h('p', {}, 'A code from a message and a recovery code together get you into your account. All devices are logged out.'),
    form({
      fields: [email(address), code(given), { name: 'recoveryCode', label: 'Recovery code', kind: 'code', hint: '24 letters and digits. It is used up.' }],
      submit: 'Go on',
      send: async values => {
        await post('recovery/', values);
        await signedIn();
      },
    }),
    link('forgot', 'Mail me a code')));
}

/** Asks for a proof once more: the password, or a code where the account has an app. Returns whether it was right. */
export async function reauthenticate({ twoFactorEnabled }) {
  const hint = 'It is some minutes since you have given it, and this needs it.';
  const field = twoFactorEnabled
    ? { name: 'twoFactorCode', label: 'The six digits that your authenticator app shows', autocomplete: 'one-time-code', inputmode: 'numeric', hint }
    : { name: 'password', label: 'Your password', type: 'password', autocomplete: 'current-password', hint };
  return await ask('Is it you?', close => {
    const prove = async proof => {
      await post('reauthenticate/', proof);
      close(true);
    };
    return h('div', {},
      form({ fields: [field], names: { password: field.name }, submit: 'Go on', send: prove, more: [cancel(close)] }),
      isSupported() && button('Use a passkey', async () => prove({ credential: await choose('reauthenticate/options/') })));
  }) === true;
}

export { code, email, newPassword };
