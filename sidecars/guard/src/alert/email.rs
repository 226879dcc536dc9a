//! Mail by SMTP.

use std::time::Duration;

use anyhow::Context as _;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};

use super::SecretFile;
use super::channel::{AlertChannel, EmailTls};
use super::http::SendError;
use crate::tls::certificates;

/// One mail server and its receivers.
#[derive(Debug)]
pub(super) struct Email {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, SecretFile)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
}

impl Email {
    /// From its part of the file.
    ///
    /// # Errors
    /// If an address, a secret or a certificate cannot be used.
    pub(super) fn new(channel: &AlertChannel, timeout: Duration) -> anyhow::Result<Self> {
        let AlertChannel::Email { host, port, tls, user, password_file, from, to, ca_file } =
            channel
        else {
            anyhow::bail!("no mail channel");
        };
        if let Some(file) = password_file {
            file.text()?;
        }
        let mut parameters = TlsParameters::builder(host.clone());
        if let Some(path) = ca_file {
            parameters = parameters.certificate_store(CertificateStore::None);
            for der in certificates(path)? {
                let certificate = Certificate::from_der(der.to_vec())
                    .with_context(|| format!("{} holds no certificate", path.display()))?;
                parameters = parameters.add_root_certificate(certificate);
            }
        }
        let parameters = parameters.build().context("cannot prepare TLS for the mail server")?;
        Ok(Self {
            host: host.clone(),
            port: *port,
            tls: match tls {
                EmailTls::Tls => Tls::Wrapper(parameters),
                EmailTls::Starttls => Tls::Required(parameters),
                EmailTls::None => Tls::None,
            },
            login: user.clone().zip(password_file.clone()),
            from: from.parse().with_context(|| format!("{from} is no mail address"))?,
            to: to
                .iter()
                .map(|to| to.parse().with_context(|| format!("{to} is no mail address")))
                .collect::<anyhow::Result<_>>()?,
            timeout,
        })
    }

    /// Sends one mail to all receivers.
    pub(super) fn send(&self, subject: &str, text: String) -> Result<(), SendError> {
        let mut mail = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let mail = mail.body(text).map_err(|_| SendError::new("the mail cannot be written"))?;
        let mut server = SmtpTransport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(self.timeout));
        if let Some((user, file)) = &self.login {
            let password = file.text().map_err(|error| SendError::new(error.to_string()))?;
            server = server.credentials(Credentials::new(user.clone(), (*password).clone()));
        }
        server.build().send(&mail).map(drop).map_err(|error| SendError::new(plain(&error)))
    }
}

/// What went wrong, without what the server wrote.
fn plain(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "the mail server's certificate is not trusted".to_owned(),
        None => "no connection to the mail server".to_owned(),
    }
}
