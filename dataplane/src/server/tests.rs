//! TLS as clients meet it: HTTP/2 by ALPN, and a renewed certificate without a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::Client;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::tls::Certificate;
use super::{Listener, serve};
use crate::health::service::Service;

/// Writes a certificate as kubelet mounts it; PEM of the certificate.
fn write(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
    cert.pem()
}

fn client(trusted: &str) -> Client {
    let certificate = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([certificate]);
    client.build().unwrap()
}

/// What the gate chooses for a client that speaks both.
async fn protocol(trusted: &str, address: &str) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    let trusted = CertificateDer::from_pem_slice(trusted.as_bytes());
    roots.add(trusted.unwrap()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = stream.await.unwrap();
    stream.get_ref().1.alpn_protocol().unwrap().to_vec()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path());
    let certificate = Certificate::read(folder.path()).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let url = address.replace("127.0.0.1", "https://localhost");
    let listener = Listener::with_tls(socket, certificate.acceptor().unwrap());
    let figures = Service::new(&prometheus::Registry::new()).unwrap();
    let stop = CancellationToken::new();
    let routes = Router::new().route("/", get(|| async { "served" }));
    let server = tokio::spawn(serve(
        listener,
        routes,
        figures.connections("public"),
        stop.clone(),
    ));

    let answer = client(&first).get(&url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "served");
    assert_eq!(protocol(&first, &address).await, b"h2");

    let second = write(folder.path());
    certificate.reread().unwrap();
    assert!(client(&first).get(&url).send().await.is_err());
    assert!(client(&second).get(&url).send().await.is_ok());

    // A certificate with another's key.
    std::fs::write(folder.path().join("tls.crt"), &first).unwrap();
    let error = certificate.reread().unwrap_err();
    assert!(error.to_string().contains("tls.key"), "{error}");
    assert!(client(&second).get(&url).send().await.is_ok());
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn requests_in_work_finish_when_the_server_stops() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, go) = (begun.clone(), go.clone());
        move || async move {
            begun.notify_one();
            go.notified().await;
            "served"
        }
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let figures = Service::new(&prometheus::Registry::new()).unwrap();
    let (stop, routes) = (
        CancellationToken::new(),
        Router::new().route("/", get(slow)),
    );
    let connections = figures.connections("public");
    let server = tokio::spawn(serve(socket, routes, connections, stop.clone()));
    let asked = tokio::spawn(Client::new().get(&url).send());
    begun.notified().await;
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!server.is_finished(), "somebody still waits for an answer");
    assert!(Client::new().get(&url).send().await.is_err(), "nobody new");
    go.notify_one();
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "served");
    tokio::time::timeout(Duration::from_secs(5), server)
        .await
        .unwrap()
        .unwrap();
}
