// Swagger UI for sessions: sends the header token as the API expects it, keeps the newest one, shows who is signed in, and scrolls to the answer.
addEventListener('DOMContentLoaded', () => {
  const scheme = 'sessionHeader';
  const note = document.createElement('p');
  note.id = 'signed-in';
  note.setAttribute('role', 'status');
  document.body.append(note);

  const forget = () => window.ui.authActions.logout([scheme]);

  function follow({ url, status, body }) {
    const account = body?.user ?? body;
    if (body?.session && account.email) {
      const way = body.session.transport === 'header' ? 'a header token' : 'a cookie';
      note.textContent = `Signed in as ${account.email} with ${way}`;
    }
    if (body?.sessionToken) {
      window.ui.preauthorizeApiKey(scheme, body.sessionToken);
    } else if (body?.user) {
      // A cookie, beside which an older header token would be what counts.
      forget();
    }
    const hasLoggedOut = status === 200 && /\/logout\/(\?scope=(current|all))?$/.test(url);
    if (hasLoggedOut || body?.code === 'not_authenticated') {
      note.textContent = 'Not signed in';
      forget();
    }
  }

  // Below a long body, the answer would be off the page.
  let pressed;
  addEventListener('click', ({ target }) => pressed = target.closest?.('.execute') ?? pressed, true);
  function showAnswer() {
    const call = pressed?.closest('.opblock');
    const look = () => {
      const answer = call?.querySelector('.live-responses-table');
      if (answer) {
        observer.disconnect();
        if (answer.getBoundingClientRect().top > innerHeight / 2) {
          answer.scrollIntoView();
        }
      }
    };
    const observer = new MutationObserver(look);
    if (call) {
      observer.observe(call, { childList: true, subtree: true });
      look();
    }
  }

  const bundle = window.SwaggerUIBundle;
  window.SwaggerUIBundle = Object.assign(config => bundle({
    ...config,
    // Beside this page, which may be below a path prefix.
    urls: config.urls.map(document => ({ ...document, url: new URL('v1/swagger.json', location.href).href })),
    requestInterceptor: request => {
      const token = request.headers.Authorization;
      if (token && !/^session /i.test(token)) {
        request.headers.Authorization = `Session ${token.trim()}`;
      }
      return request;
    },
    responseInterceptor: response => {
      follow(response);
      showAnswer();
      return response;
    },
  }), bundle);
});
