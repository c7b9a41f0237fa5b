// Which view is shown: by what stands after the # of the address, and by whether somebody is signed in.
import { Problem, call, get, hooks, post } from './api.js';
import { button, h, say, show } from './page.js';
import * as entrance from './entrance.js';
import * as home from './home.js';
import { stop } from './passkeys.js';
import * as settings from './settings.js';

const views = {
  signin: entrance.signIn, register: entrance.register, forgot: entrance.forgot, reset: entrance.reset, recover: entrance.recover, confirm: entrance.confirm,
  devices: home.devices, activity: home.activity, security: settings.security, account: settings.account, email: settings.confirmEmail,
};
const forEverybody = ['reset', 'confirm'];
const beforeSignIn = ['signin', 'register', 'forgot', 'recover'];
const names = { devices: 'Devices', activity: 'Activity', security: 'Security', account: 'Account' };
// A session that a recovery code began may do little, and says so by how it was begun.
const isRecovery = () => state.me?.session.authenticationMethods.join() === 'rc';
const nav = document.querySelector('nav');

/** What the views share: who is signed in, and where a mailed link led before that. */
export const state = { me: null, after: null };

/** Goes to a view, with what it needs beside its name. Neither a code nor anything else of that stays in the address. */
export async function go(view, given = {}) {
  if (location.hash !== `#${view}`) {
    history.pushState(null, '', `#${view}`);
  }

  await render(view, given);
}

/** Reads who is signed in, after a change. */
export async function refresh() {
  state.me = await get('me/');
  return state.me;
}

export async function signedIn() {
  await refresh();
  const { view, given } = state.after ?? { view: 'devices', given: {} };
  state.after = null;
  await go(view, given);
}

async function render(view, given = {}) {
  const isHome = !forEverybody.includes(view) && !beforeSignIn.includes(view);
  if (isHome && !state.me) {
    state.after = { view, given };
    history.replaceState(null, '', '#signin');
    return entrance.signIn({ reason: given.code ? 'Sign in to confirm your new address.' : undefined });
  }

  if (beforeSignIn.includes(view) && state.me) {
    return go('devices');
  }

  stop();
  showNav(view);
  try {
    await (isHome && isRecovery() ? settings.recovered() : views[view](given));
  } catch (problem) {
    if (problem.code !== 'not_authenticated') {
      show('That did not work', h('p', {}, problem.message), button('Try again', () => render(view, given)));
    }
  }
}

function showNav(view) {
  nav.hidden = !state.me;
  nav.replaceChildren(...state.me ? [h('ul', {},
    Object.entries(isRecovery() ? {} : names).map(([name, text]) => h('li', {}, h('a', { href: `#${name}`, 'aria-current': name === view ? 'page' : undefined }, text))),
    h('li', {}, button('Log out', logOut)))] : []);
}

async function logOut() {
  await post('logout/');
  leave();
  say('You have logged out. This browser has no access any more.');
}

/** Shows the way in again, with the reason. */
export function leave(reason, isEnded = false) {
  state.me = null;
  state.after = null;
  history.replaceState(null, '', '#signin');
  showNav('signin');
  entrance.signIn({ reason, isEnded });
}

const closeDialogs = () => document.querySelectorAll('dialog').forEach(dialog => dialog.close());

hooks.ended = () => {
  closeDialogs();
  leave('Your session has ended: it was logged out from another device, was not used for too long, or your password or address was changed. Sign in again.', true);
};
hooks.reauthenticate = () => entrance.reauthenticate(state.me);

// Another tab of this browser may have signed somebody else in, with the same cookie.
hooks.changing = async () => {
  if (state.me && !await isStillShown({ isQuiet: true }).catch(allowSignedOut)) {
    throw new Problem(0, { title: 'Somebody else has signed in in another tab. Nothing was changed.' });
  }
};
const allowSignedOut = problem => {
  if (problem.status !== 401) {
    throw problem;
  }

  return true; // The call itself is refused, if it needs a session.
};

async function isStillShown(options) {
  const me = await get('me/', options);
  if (me.id === state.me?.id) {
    return true;
  }

  closeDialogs();
  state.me = me;
  await go('devices');
  say(`${me.email} has signed in in another tab. This page shows that account now.`);
  return false;
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && state.me) {
    isStillShown().catch(() => {});
  }
});

function fromAddress() {
  const [view, query] = location.hash.slice(1).split('?');
  const link = new URLSearchParams(query);
  if (query) {
    // A code is for nobody who looks at the address or at the history.
    history.replaceState(null, '', `#${view}`);
  }

  // Nothing else of a link: anybody can make one.
  return render(Object.hasOwn(views, view) ? view : 'devices', { email: link.get('email'), code: link.get('code') });
}

addEventListener('hashchange', fromAddress);

try {
  state.me = await call('GET', 'me/', undefined, { isQuiet: true });
} catch (problem) {
  state.me = null;
  if (problem.status !== 401) {
    say(problem.message);
  }
}

await fromAddress();
