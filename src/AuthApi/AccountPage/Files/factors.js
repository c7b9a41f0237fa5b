// Authenticator apps and recovery codes.
import { get, post } from './api.js';
import { ask, button, cancel, form, h, say } from './page.js';
import { refresh } from './main.js';

const appCode = { name: 'code', label: 'The six digits that the app shows', autocomplete: 'one-time-code', inputmode: 'numeric' };

/** The sections of the authenticator app and of the recovery codes. */
export async function authenticator(redraw) {
  const { enabled, recoveryCodesLeft } = await get('two-factor/');
  const app = h('section', {},
    h('h2', {}, 'Authenticator app ', h('span', { class: 'mark' }, enabled ? 'on' : 'off')),
    h('p', {}, enabled
      ? 'Who signs in with your password needs a code of the app too.'
      : 'A second proof beside the password: six digits from an app on your phone. A stolen password is then not enough.'),
    h('div', { class: 'buttons' },
      button(enabled ? 'Set up another app' : 'Set it up', () => setUp(redraw)),
      enabled && button('Switch it off', async () => {
        await post('two-factor/disable/');
        await refresh();
        await redraw();
        say('The authenticator app is off, and all other devices are logged out.');
      }, { kind: 'bad' })));
  const codes = h('section', {},
    h('h2', {}, 'Recovery codes'),
    h('p', {}, 'For when you have lost the app, the password or the passkey. ',
      recoveryCodesLeft === 0 ? 'You have none.' : `You have ${recoveryCodesLeft} recovery codes left.`),
    button('New recovery codes', async () => {
      await keep((await post('two-factor/recovery-codes/')).recoveryCodes);
      await redraw();
      say('The earlier recovery codes are void.');
    }));
  return [app, codes];
}

async function setUp(redraw) {
  const { sharedKey, authenticatorUri, qrCodeSvg } = await post('two-factor/setup/');
  const codes = await ask('Set up an authenticator app', close => h('div', {},
    h('p', {}, 'Scan this with the app, or ', h('a', { href: authenticatorUri }, 'open the app on this device'), '.'),
    h('img', { class: 'qr', src: `data:image/svg+xml,${encodeURIComponent(qrCodeSvg)}`, alt: 'The key of the app as a QR code' }),
    h('p', { class: 'hint' }, 'Or type the key: ', h('code', {}, sharedKey.match(/.{1,4}/g).join(' '))),
    form({
      fields: [appCode],
      submit: 'Switch it on',
      send: async values => close((await post('two-factor/enable/', { code: values.code.replace(/\s/g, '') })).recoveryCodes),
      more: [cancel(close)],
    })));
  if (codes) {
    await keep(codes);
    await refresh();
    await redraw();
    say('The authenticator app is on, and all other devices are logged out.');
  }
}

// They are shown this once.
const keep = codes => ask('Your recovery codes', close => h('div', {},
  h('p', {}, 'Each is good once, in the place of the app, or with a mailed code to get into the account. Keep them where you find them without your phone: they are shown this once.'),
  h('ul', { class: 'codes' }, codes.map(code => h('li', {}, code))),
  h('div', { class: 'buttons' },
    h('button', { type: 'button', class: 'main', onclick: () => close() }, 'I have kept them'),
    button('Copy', async () => {
      await navigator.clipboard.writeText(codes.join('\n'));
      say('The recovery codes have been copied.');
    }))));

/** Asks for the second factor of a login, which is sent again with it. */
export function secondStep(send) {
  const steps = {
    twoFactorCode: [{ ...appCode, name: 'twoFactorCode' }, 'I do not have the app: use a recovery code', 'twoFactorRecoveryCode'],
    twoFactorRecoveryCode: [{ name: 'twoFactorRecoveryCode', label: 'Recovery code', kind: 'code', hint: 'It is used up.' }, 'Use the app', 'twoFactorCode'],
  };
  const place = h('div', {});
  const draw = name => {
    const [field, other, next] = steps[name];
    place.replaceChildren(
      form({ fields: [field], names: { password: name }, submit: 'Sign in', send: values => send({ [name]: values[name].replace(/\s/g, '') }) }),
      h('button', { type: 'button', onclick: () => draw(next) }, other));
    place.querySelector('input').focus();
  };
  return { place, start: () => draw('twoFactorCode') };
}
