// What is going on in the account: its devices, and what has happened.
import { get, post, remove } from './api.js';
import { button, h, say, show, time } from './page.js';
import { leave, state } from './main.js';

export async function devices() {
  // This device is known already; the others come a moment later.
  const list = h('ul', { class: 'list' }, device(state.me.session));
  const everywhere = h('div', {});
  show('Your devices',
    state.me.emailConfirmed ? null : h('p', { class: 'card' }, `Your address ${state.me.email} is not confirmed yet. `, h('a', { href: '#account' }, 'Confirm it')),
    h('p', {}, 'Each is signed in to your account. If you do not know one, log it out and ', h('a', { href: '#security' }, 'change your password'), '.'),
    list,
    everywhere);
  const { items } = await get('sessions/');
  const others = items.filter(item => !item.current);
  list.replaceChildren(...items.map(device));
  everywhere.replaceChildren(...others.length > 0 ? [button(`Log out everywhere else (${others.length})`, async () => {
    const { endedSessions } = await post('logout/?scope=others');
    await devices();
    say(endedSessions === 1 ? 'One device has been logged out.' : `${endedSessions} devices have been logged out.`);
  }, { kind: 'bad' })] : []);
}

function device(item) {
  const name = item.device ?? 'Unknown device';
  const isElsewhere = item.lastIpAddress !== item.ipAddress || item.lastDevice !== item.device;
  return h('li', { class: 'card row' },
    h('div', {},
      h('h2', {}, name, ' ', item.current && h('span', { class: 'mark' }, 'this device')),
      h('p', {}, 'Last used ', time(item.lastSeenAt), isElsewhere && ` from ${item.lastIpAddress ?? 'an unknown address'}, with ${item.lastDevice ?? 'an unknown device'}`),
      h('p', { class: 'faint' }, 'Signed in ', time(item.createdAt), ` from ${item.ipAddress ?? 'an unknown address'}. Ends `, time(item.expiresAt), ' if it is not used.')),
    button('Log out', async () => {
      await remove(`sessions/${item.id}/`);
      if (item.current) {
        leave();
        say('You have logged out. This browser has no access any more.');
      } else {
        await devices();
        say(`${name} has been logged out.`);
      }
    }, { label: item.current ? 'Log out this device' : `Log out ${name}, last used ${new Date(item.lastSeenAt).toLocaleString()}` }));
}

const events = {
  signed_in: 'Signed in', sign_in_failed: 'Somebody tried to sign in and could not', signed_out: 'Logged out', session_revoked: 'Logged out from another device, or by a change of the account',
  session_replaced: 'Signed in again in the same browser', session_expired: 'A session ended by time', session_evicted: 'The device that was not used for the longest time was logged out',
  reauthenticated: 'The password was given once more', reauthentication_failed: 'A wrong password was given by somebody who was signed in', code_refused: 'A wrong code was given',
  password_changed: 'The password was changed', password_reset: 'A new password was set with a mailed code', email_changed: 'The address was changed', email_confirmed: 'The address was confirmed',
  two_factor_enabled: 'An authenticator app was switched on', two_factor_disabled: 'The authenticator app was switched off', recovery_codes_created: 'New recovery codes were made',
  authenticator_blocked: 'Codes of the authenticator app are no longer accepted, after too many wrong ones',
  recovery_code_used: 'A recovery code was used', passkey_added: 'A passkey was added', passkey_renamed: 'A passkey got another name', passkey_removed: 'A passkey was removed',
  passkey_refused: 'A passkey was refused, as a copy of it may be in use', account_recovered: 'The account was recovered with a mailed code and a recovery code',
  account_disabled: 'An administrator disabled the account', account_enabled: 'An administrator enabled the account', factors_reset: 'An administrator removed the passkeys and the authenticator app',
  password_change_required: 'An administrator requires another password', sessions_ended: 'You ended sessions as an administrator',
  access_refused: 'A call was refused, such as one that needs the password once more',
};
const nameOf = event => events[event] ?? event[0].toUpperCase() + event.slice(1).replaceAll('_', ' ');

export async function activity() {
  const rows = h('tbody', {});
  const more = h('div', {});
  const load = async before => {
    const { items, next } = await get(`me/activity/?limit=20${before ? `&before=${before}` : ''}`);
    rows.append(...items.map(item => h('tr', {},
      h('td', {}, time(item.at)), h('td', {}, nameOf(item.event)), h('td', {}, [item.device, item.ipAddress].filter(Boolean).join(', ') || '–'))));
    more.replaceChildren(...next ? [button('Show earlier', () => load(next))] : []);
  };
  await load();
  show('Activity',
    h('p', {}, 'What happened to your account, the latest first. If something was not you, ', h('a', { href: '#security' }, 'change your password'), '.'),
    h('section', {}, h('table', {},
      h('thead', {}, h('tr', {}, ['When', 'What', 'From'].map(text => h('th', { scope: 'col' }, text)))), rows), more));
}
