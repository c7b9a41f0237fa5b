// Swagger UI sends what was pasted under Authorize as the whole header: the scheme's name before the token is added here.
const send = window.fetch;
window.fetch = (url, request) => {
  const token = request?.headers?.Authorization;
  if (token && !/^session /i.test(token)) {
    request.headers.Authorization = 'Session ' + token.trim();
  }
  // The document is beside this page, which may be below a path prefix.
  const isDocument = new URL(url, location.href).pathname === '/swagger/v1/swagger.json';
  return send(isDocument ? 'v1/swagger.json' : url, request);
};
