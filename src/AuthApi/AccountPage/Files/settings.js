// What can be changed: the password, the address, the user name, and the account itself.
import { call, get, post, remove } from './api.js';
import { ask, button, cancel, form, h, say, show } from './page.js';
import { code, email, newPassword } from './entrance.js';
import { authenticator } from './factors.js';
import { passkeys } from './passkeys.js';
import { go, leave, refresh, state } from './main.js';

export async function security() {
  show('Security', unconfirmed(), password(), ...(await Promise.all([authenticator(security), passkeys(security)])).flat());
}

const unconfirmed = () => !state.me.emailConfirmed && h('p', { class: 'card' },
  `Your address ${state.me.email} is not confirmed yet. Until it is, anybody who reads your mailbox can set a new password, and the authenticator app and passkeys are removed then. `,
  h('a', { href: '#account' }, 'Confirm it'));

/** For who has come by a mailed code and a recovery code, and may do no more than this. */
export async function recovered() {
  const done = async text => {
    await post('logout/');
    leave(text);
  };
  show('Recover your account',
    h('p', { class: 'card' }, 'You are in for ten minutes, to set a new password or to add a passkey. Then sign in with it. All other devices are logged out.'),
    h('section', {}, h('h2', {}, 'Set a new password'), form({
      fields: [newPassword('newPassword', 'New password')],
      submit: 'Set the password',
      send: async values => {
        await post('password/change/', values);
        await done('The password is set. Sign in with it.');
      },
    })),
    await passkeys(() => done('The passkey has been added. Sign in with it.'), { isRecovery: true }));
}

const password = () => h('section', {},
  h('h2', {}, 'Password'),
  h('p', {}, 'All other devices will be logged out. This one stays signed in.'),
  form({
    fields: [{ name: 'currentPassword', label: 'Current password', type: 'password', autocomplete: 'current-password' }, newPassword('newPassword', 'New password')],
    names: { password: 'currentPassword' },
    submit: 'Change the password',
    send: async values => {
      await post('password/change/', values);
      await security();
      say('The password has been changed, and all other devices are logged out.');
    },
  }));

export function account() {
  show('Account', address(), userName(), copy(), leaving());
}

function address() {
  const { me } = state;
  return h('section', {},
    h('h2', {}, 'E-mail address'),
    h('p', {}, me.email, ' ', me.emailConfirmed ? h('span', { class: 'mark' }, 'confirmed') : 'is not confirmed yet.'),
    !me.emailConfirmed && button('Mail me a code to confirm it', async () => {
      const { message } = await post('email/confirm/resend/', { email: me.email });
      await go('confirm', { email: me.email, reason: message });
    }),
    form({
      fields: [{ ...email(), name: 'newEmail', label: 'New e-mail address', hint: 'A code will be mailed to it. Nothing changes before you have typed that here.' }],
      submit: 'Change the address',
      send: async ({ newEmail }) => {
        const { message } = await post('email/change/', { newEmail });
        await go('email', { email: newEmail.trim(), reason: message });
      },
    }));
}

export function confirmEmail({ email: given, code: typed, reason } = {}) {
  show('Confirm your new address',
    reason && h('p', { class: 'card' }, reason),
    h('section', { class: 'narrow' },
      h('p', {}, 'All other devices will be logged out.'),
      form({
        fields: [{ ...email(given), name: 'newEmail', label: 'New e-mail address' }, code(typed)],
        names: { email: 'newEmail' },
        submit: 'Confirm',
        send: async values => {
          await post('email/change/confirm/', values);
          await refresh();
          await go('account');
          say(`The address of your account is now ${state.me.email}.`);
        },
      })));
}

const userName = () => h('section', {},
  h('h2', {}, 'User name'),
  form({
    fields: [{ name: 'userName', label: 'User name', autocomplete: 'nickname', value: state.me.userName === state.me.email ? undefined : state.me.userName, hint: '1 to 64 letters, digits, dots, hyphens or underscores. You can sign in with it.' }],
    submit: 'Change the name',
    send: async values => {
      state.me = await call('PATCH', 'me/', values);
      say('The user name has been changed.');
    },
  }));

const copy = () => h('section', {},
  h('h2', {}, 'Your data'),
  h('p', {}, 'Everything that is held about you, as a file of JSON.'),
  button('Download it', async () => {
    const file = new Blob([JSON.stringify(await get('me/export/'), null, 2)], { type: 'application/json' });
    const url = URL.createObjectURL(file);
    h('a', { href: url, download: `account-${state.me.id}.json` }).click();
    URL.revokeObjectURL(url);
    say('Your data has been downloaded.');
  }));

const leaving = () => h('section', {},
  h('h2', {}, 'Leave'),
  h('p', {}, 'Your account is deleted for good, and all your devices are logged out. Nobody can bring it back.'),
  button('Delete my account', async () => {
    const isSure = await ask('Delete your account?', close => h('div', {}, h('p', {}, `It is the account of ${state.me.email}.`), form({
      fields: [],
      submit: 'Delete it for good',
      kind: 'bad',
      send: () => close(true),
      more: [cancel(close)],
    })));
    if (isSure) {
      await remove('me/');
      leave();
      say('Your account has been deleted.');
    }
  }, { kind: 'bad' }));
