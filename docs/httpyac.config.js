// Lets httpyac read values of earlier answers as Visual Studio and the REST Client of Visual Studio Code name them:
// {{login.response.body.$.sessionToken}} and {{login.response.headers.Set-Cookie}}. For AuthApi.http, beside this file.
const reference = /\{\{\s*(\w+)\.response\.(?:headers\.([\w-]+)|body\.\$\.([\w.]+))\s*\}\}/g;

module.exports = {
  configureHooks(api) {
    const replace = (text, type, { variables }) => typeof text !== 'string' ? text : text.replace(reference, (_, name, header, path) => {
      const answer = variables[`${name}Response`];
      if (!answer) {
        throw new Error(`Send the request that is named ${name} first.`);
      }
      return header ? answer.headers[header.toLowerCase()] : path.split('.').reduce((value, key) => value[key], answer.parsedBody);
    });
    api.hooks.replaceVariable.addHook('values of earlier answers', replace, { before: ['javascript'] });
  },
};
