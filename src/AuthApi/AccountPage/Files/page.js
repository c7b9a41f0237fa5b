// What all views are made of: elements, forms, notes and the dialog.
import { Problem } from './api.js';

const main = document.querySelector('main');
const note = document.querySelector('#note');
let ids = 0;

/** An element. Properties that begin with "on" are listeners; texts are never read as HTML. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else if (value === true) {
      element.setAttribute(key, '');
    } else if (value !== false && value !== undefined && value !== null) {
      element.setAttribute(key, value);
    }
  }

  element.append(...children.flat().filter(child => child !== undefined && child !== null && child !== false));
  return element;
}

/** Shows a view. Its heading gets the focus, so that a screen reader reads it. */
export function show(title, ...children) {
  const heading = h('h1', { tabindex: -1 }, title);
  main.replaceChildren(heading, ...children.flat().filter(Boolean));
  document.title = `${title} – ${document.body.dataset.product}`;
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Says in a word what has been done; a screen reader reads it. */
export function say(text) {
  note.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { note.textContent = ''; }, 8000);
}

/** A button that does something, and shows beside itself what the API refuses it for. */
export function button(text, action, { label, kind } = {}) {
  const error = h('p', { class: 'error', role: 'alert' });
  const element = h('button', { type: 'button', class: kind, 'aria-label': label, onclick: () => run(element, error, action) }, text);
  return h('div', {}, element, error);
}

async function run(element, error, action) {
  element.disabled = true;
  error.textContent = '';
  try {
    await action();
  } catch (problem) {
    error.textContent = problem.name === 'AbortError' ? '' : message(problem);
  } finally {
    element.disabled = false;
  }
}

export function message(problem) {
  if (!(problem instanceof Problem)) {
    console.error(problem);
    return 'This page has failed. Load it again.';
  }

  return [problem.message, ...Object.values(problem.errors).flat()].join(' ');
}

// Which field a refusal is about, where it has no `errors`.
const fieldOf = { invalid_code: 'code', email_taken: 'email', user_name_taken: 'userName', invalid_credentials: 'password' };

/**
 * A form. Its fields are { name, label, type, autocomplete, hint, value, isOptional }. What the API refuses stands beside the field that it is about, which gets the focus; the rest at the top.
 * @param submit The text of its button.
 * @param send What to do with the values, by name.
 * @param names The page's name of a field by the API's, where that is another.
 */
export function form({ fields, submit, send, names = {}, kind = 'main', more = [] }) {
  const top = h('p', { class: 'error', role: 'alert' });
  const inputs = new Map();
  const rows = fields.map(field => {
    const id = `field-${++ids}`;
    const error = h('p', { class: 'error', id: `${id}-error` });
    const hint = field.hint && h('p', { class: 'hint', id: `${id}-hint` }, field.hint);
    const isCheck = field.type === 'checkbox';
    const input = h('input', {
      id, name: field.name, type: field.type ?? 'text', autocomplete: field.autocomplete, required: !field.isOptional && !isCheck, value: field.value,
      'aria-describedby': [hint && hint.id, error.id].filter(Boolean).join(' '), autocapitalize: 'none', spellcheck: 'false', inputmode: field.inputmode,
    });
    const label = h('label', { for: id }, field.label);
    inputs.set(field.name, { input, error });
    return h('div', { class: `field ${isCheck ? 'check' : ''} ${field.kind ?? ''}` }, isCheck ? [input, ' ', label] : [label, hint, input], isCheck && hint, error);
  });
  const element = h('button', { type: 'submit', class: kind }, submit);

  const refuse = problem => {
    const errors = problem instanceof Problem ? { ...problem.errors } : {};
    const byCode = fieldOf[problem.code];
    if (byCode && Object.keys(errors).length === 0) {
      errors[byCode] = [problem.message];
    }

    let first;
    const others = [];
    for (const [field, texts] of Object.entries(errors)) {
      const shown = inputs.get(names[field] ?? field);
      if (!shown) {
        others.push(...texts);
        continue;
      }

      shown.error.textContent = texts.join(' ');
      shown.input.setAttribute('aria-invalid', 'true');
      first ??= shown.input;
    }

    top.textContent = first ? others.join(' ') : message(problem);
    (first ?? element).focus();
  };

  return h('form', {
    novalidate: true,
    onsubmit: async event => {
      event.preventDefault();
      top.textContent = '';
      for (const { input, error } of inputs.values()) {
        error.textContent = '';
        input.removeAttribute('aria-invalid');
      }

      const values = Object.fromEntries([...inputs].map(([name, { input }]) => [name, input.type === 'checkbox' ? input.checked : input.value]));
      const missing = [...inputs].filter(([, { input }]) => input.required && input.value === '');
      if (missing.length > 0) {
        refuse(new Problem(400, { errors: Object.fromEntries(missing.map(([name]) => [name, ['This is required.']])) }));
        return;
      }

      element.disabled = true;
      try {
        await send(values);
      } catch (problem) {
        element.disabled = false;
        refuse(problem);
      } finally {
        element.disabled = false;
      }
    },
  }, top, rows, h('div', { class: 'buttons' }, element, more));
}

/** Asks something in a dialog, and resolves when it is closed: to what was given, or to nothing. */
export function ask(title, content) {
  return new Promise(resolve => {
    let result;
    const id = `dialog-${++ids}`;
    const close = value => {
      result = value;
      dialog.close();
    };
    const dialog = h('dialog', {
      'aria-labelledby': id,
      onclose: () => {
        dialog.remove();
        resolve(result);
      },
    }, h('h2', { id }, title), content(close));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export const cancel = close => h('button', { type: 'button', onclick: () => close() }, 'Cancel');

const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A time in the words of the person's system. */
export const time = at => h('time', { datetime: at }, times.format(new Date(at)));
