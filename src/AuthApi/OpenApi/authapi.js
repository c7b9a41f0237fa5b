// Swagger UI sends what was pasted under Authorize as the whole header: the scheme's name before the token is added here.
const send = window.fetch;
window.fetch = (url, request) => {
  const token = request?.headers?.Authorization;
  if (token && !/^session /i.test(token)) {
    request.headers.Authorization = 'Session ' + token.trim();
  }
  return send(url, request);
};
