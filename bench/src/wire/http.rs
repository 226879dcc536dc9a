//! The little of HTTP the server needs: whole requests.

/// A header's value from a request head.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// A whole HTTP request at the front of the input: its method and target, with a form body added.
pub(crate) fn take_http(input: &mut Vec<u8>) -> Option<(String, String)> {
    let end = input.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    let length = header(&head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    if input.len() < end + length {
        return None;
    }
    let body = String::from_utf8_lossy(&input[end..end + length]).into_owned();
    input.drain(..end + length);
    let mut words = head.split(' ');
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    Some((method, if body.is_empty() { target } else { format!("{target}?{body}") }))
}
